"""The words that generated mail, names and documents are made of."""

from __future__ import annotations

_TEXT = """
    alpage berger transhumance troupeau vallée col neige printemps estive fromage cloche sentier
    ruisseau cabane brebis bélier agneau laine chien meadow pasture shepherd flock ridge stream
    bridge winter summer harvest market invoice meeting agenda project budget quarter delivery order
    reminder contract draft review comment signature attachment schedule travel ticket hotel lunch
    Straße Grüße Termin Rechnung Besprechung Entwurf Anhang größer schön überall naïve façade 日本
    会議 資料 встреча отчёт проект αγορά σχέδιο
"""
WORDS = tuple(_TEXT.split())
