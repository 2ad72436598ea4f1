"""Policies as pictures: for a terminal, and as SVG.

    Policy --drawing--> Picture --text, svg--> str;    matrix cells --matrix_svg--> str
"""

from __future__ import annotations

from pybpf.compiler.policy.picture.drawing import Arrow as Arrow
from pybpf.compiler.policy.picture.drawing import Fate as Fate
from pybpf.compiler.policy.picture.drawing import Half as Half
from pybpf.compiler.policy.picture.drawing import Picture as Picture
from pybpf.compiler.policy.picture.drawing import picture as picture
from pybpf.compiler.policy.picture.matrix_svg import matrix_svg as matrix_svg
from pybpf.compiler.policy.picture.svg import svg as svg
from pybpf.compiler.policy.picture.text import WIDTH as WIDTH
from pybpf.compiler.policy.picture.text import text as text
