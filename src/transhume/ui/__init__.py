"""What a person sees and types: wires everything, prints, and turns an error into an exit code."""
