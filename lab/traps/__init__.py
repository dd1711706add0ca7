"""Every known trap of the move, walked into by the documented procedure and past by transhume."""
