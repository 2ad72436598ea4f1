"""A game whose rules are in the kernel: snake.py [SECONDS-PER-STEP], with arrow keys or A up, B down, C right, D left.

Each getppid(2) of the player's process is one step. User space only writes the key, makes that call, and draws.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from contextlib import ExitStack, suppress
from enum import IntEnum

import pybpf
from pybpf.lang import *

HEIGHT, WIDTH, LONGEST = 12, 50, 32  # the board with its walls, and the snake


class Key(IntEnum):
    """A direction: the last byte that a terminal sends for its arrow key."""

    UP = 65
    DOWN = 66
    RIGHT = 67
    LEFT = 68


class Game(Struct):
    """All there is to know. The head is segment 0; those from `length` on are not there."""

    player: u32
    key: u8
    is_over: u8
    length: u8
    food_row: u8
    food_column: u8
    rows: Annotated[Array[u8], Count(LONGEST)]
    columns: Annotated[Array[u8], Count(LONGEST)]


game = global_struct(Game)


@program("tracepoint/syscalls/sys_enter_getppid")
def step(call: Tracepoint) -> int:
    """Go on by one: follow the head, look where it is, eat."""
    length = game.length
    if get_current_pid_tgid() >> 32 != game.player or game.is_over != 0 or not 0 < length <= LONGEST:
        return 0
    row, column = game.rows[0], game.columns[0]
    match game.key:
        case Key.UP:
            row -= 1
        case Key.DOWN:
            row += 1
        case Key.LEFT:
            column -= 1
        case _:
            column += 1
    for segment in range(LONGEST - 1, 0, -1):  # one that is not there keeps the place where the snake may grow
        game.rows[segment], game.columns[segment] = game.rows[segment - 1], game.columns[segment - 1]
    if not (0 < row < HEIGHT - 1 and 0 < column < WIDTH - 1):
        game.is_over = 1
    game.rows[0], game.columns[0] = row, column
    for segment in range(1, length):
        if game.rows[segment] == row and game.columns[segment] == column:
            game.is_over = 1
    if row == game.food_row and column == game.food_column:
        game.length = length + 1 if length < LONGEST else length
        game.food_row = get_prandom_u32() % (HEIGHT - 2) + 1
        game.food_column = get_prandom_u32() % (WIDTH - 2) + 1
    return 0


def new_game() -> Game:
    """Two segments in a corner, going right."""
    start = Game.of(player=os.getpid(), key=Key.RIGHT, length=2, food_row=4, food_column=4)
    start.rows.fill(bytes([1, 1]))
    start.columns.fill(bytes([2, 1]))
    return start


def turned(key: int, typed: bytes) -> int:
    """The direction after what was typed: as it was for what is no direction, and for the opposite one."""
    opposite: dict[int, int] = {Key.UP: Key.DOWN, Key.DOWN: Key.UP, Key.RIGHT: Key.LEFT, Key.LEFT: Key.RIGHT}
    return next((wanted for wanted in typed.upper()[-1:] if opposite.get(wanted, key) != key), key)


def picture(now: Game) -> str:
    """The board: walls #, snake @, food $."""
    board = [list("#" + (" " if 0 < row < HEIGHT - 1 else "#") * (WIDTH - 2) + "#") for row in range(HEIGHT)]
    board[now.food_row][now.food_column] = "$"
    for segment in range(now.length):
        board[now.rows[segment]][now.columns[segment]] = "@"
    return "\n".join(map("".join, board))


def main(seconds: str = "0.12") -> None:
    """Play until it is over, or ^C."""
    place, now = pybpf.Tracepoint("syscalls", "sys_enter_getppid"), new_game()
    with pybpf.load(pybpf.compile_programs(step).elf) as loaded, pybpf.attach(loaded, "step", place), suppress(KeyboardInterrupt), ExitStack() as at_end:
        if sys.stdin.isatty():  # keys come as they are pressed, and are not shown
            at_end.callback(termios.tcsetattr, sys.stdin, termios.TCSADRAIN, termios.tcgetattr(sys.stdin))
            tty.setcbreak(sys.stdin)
        while now.is_over == 0:
            print("\x1b[H\x1b[J" + picture(now), flush=True)
            time.sleep(float(seconds))
            now.key = turned(now.key, os.read(0, 64) if select.select([0], [], [], 0)[0] else b"")
            loaded.variables["game"].bytes = bytes(now)
            os.getppid()
            now = Game.view(bytearray(loaded.variables["game"].bytes))
    print(f"Game over with a length of {now.length}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
