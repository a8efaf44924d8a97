"""Draws the pictures of the explanation as SVG: ``python docs/site/pictures.py``."""

from __future__ import annotations

from pathlib import Path

OUT = Path(__file__).parents[1] / "pictures"
BLUE, ORANGE, GREY, RED, GREEN, INK = (
    "#0072b2",
    "#e69f00",
    "#c9ced6",
    "#d55e00",
    "#009e73",
    "#1c2430",
)


def text(
    x: float, y: float, words: str, *, size: int = 13, anchor: str = "middle", fill: str = INK
) -> str:
    """Return a line of text."""
    return f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">{words}</text>'


def box(x: float, y: float, w: float, h: float, fill: str = "#fff", stroke: str = INK) -> str:
    """Return a rectangle."""
    return (
        f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="3" fill="{fill}" stroke="{stroke}"/>'
    )


def arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """Return a line with a head."""
    return f'<path d="M{x1} {y1} L{x2} {y2}" stroke="{INK}" fill="none" marker-end="url(#head)"/>'


def cells(x: float, y: float, values: str, fills: list[str], size: int = 26) -> str:
    """Return a row of small boxes with a character each."""
    out = []
    for i, (value, fill) in enumerate(zip(values, fills, strict=True)):
        out.append(box(x + i * size, y, size, size, fill))
        out.append(text(x + (i + 0.5) * size, y + size * 0.68, value, size=13))
    return "".join(out)


def picture(name: str, width: int, height: int, alt: str, *parts: str) -> None:
    """Write a picture."""
    head = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{INK}"/></marker></defs>'
    )
    body = "".join(parts)
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="system-ui, sans-serif"><title>{alt}</title>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{head}{body}</svg>\n',
        encoding="utf-8",
    )


def idea() -> None:
    """Draw the whole idea: fixed bits in, fixed bits out, patches, mask."""
    care = "10??1????0??????1?????0?"
    shown = "100110100011010000110101"
    wrong = 16
    fills = [GREY if c == "?" else BLUE + "55" for c in care]
    got = [GREY if c == "?" else GREEN + "66" for c in care]
    got[wrong] = RED + "88"
    picture(
        "f2f", 900, 330,
        "Eight encoded bits a step pass a fixed XOR network and give all bits of a block; a patch "
        "flips the one that does not match; the mask says which weights are kept.",
        text(20, 28, "wanted: one bit plane of a block of weights, ? where the weight is pruned", anchor="start"),
        cells(20, 40, care, fills),
        text(20, 112, "stored: 8 bits a step, always", anchor="start"),
        cells(20, 122, "01101001", [ORANGE + "66"] * 8),
        arrow(235, 135, 290, 135),
        box(295, 105, 210, 60, "#eef3f9"),
        text(400, 131, "XOR network, fixed", size=14),
        text(400, 150, "sees this step and N_s before", size=11),
        arrow(510, 135, 565, 135),
        text(735, 131, "80 bits a step, always", size=14),
        text(735, 150, "no index, no alignment, no stall", size=11),
        text(20, 206, "decoded: every wanted bit matches but one (red); ? takes what comes", anchor="start"),
        cells(20, 218, shown, got),
        text(20, 280, "A patch names the red place and it is flipped: the weights are exact.", anchor="start"),
        text(20, 302, "The mask is stored beside it, and paid: with it F2F is about as large as bitmap; "
             "what it gains is the fixed rate.", anchor="start"),
    )  # fmt: skip


def decoder() -> None:
    """Draw the decoder: shift registers and XOR rows."""
    parts = []
    for i, name in enumerate(("w(t)", "w(t-1)", "w(t-2)")):
        x = 40 + i * 190
        parts += [box(x, 40, 150, 34, ORANGE + "55"), text(x + 75, 62, f"{name}: N_in bits")]
        if i < 2:
            parts.append(arrow(x + 150, 57, x + 188, 57))
    for i in range(5):
        y = 130 + i * 36
        for j in range(3):
            x = 60 + j * 190 + (i * 37 + j * 53) % 120
            parts.append(
                f'<path d="M{x} 74 L{x} {y + 12} L640 {y + 12}" stroke="#8894a5" fill="none"/>'
            )
            parts.append(f'<circle cx="{x}" cy="{y + 12}" r="3" fill="{INK}"/>')
        parts += [f'<circle cx="655" cy="{y + 12}" r="13" fill="#fff" stroke="{INK}"/>']
        parts += [text(655, y + 17, "⊕", size=17), arrow(668, y + 12, 720, y + 12)]
        label = ["weight 1", "weight 2", "weight 3", "…", "weight N_out"][i]
        parts.append(text(726, y + 17, label, anchor="start"))
    parts.append(
        text(40, 28, "encoded bits of this step and of N_s steps before it", anchor="start")
    )
    picture(
        "decoder", 860, 330,
        "A decoder of one bit plane: shift registers hold the encoded bits of the last steps; each "
        "output is the XOR of some of them.", *parts,
    )  # fmt: skip


def encoder() -> None:
    """Draw how care bits become equations."""
    rows = [
        ("weight 1 is kept, bit 1", "w₁ ⊕ w₄ ⊕ w₉ = 1", "solved: fixes w₁"),
        ("weight 2 is pruned", "no equation", "free: any bit will do"),
        ("weight 3 is kept, bit 0", "w₂ ⊕ w₄ = 0", "solved: fixes w₂"),
        ("weight 4 is kept, bit 0", "w₁ ⊕ w₂ ⊕ w₉ = 1 by the others", "contradiction: a patch"),
    ]
    parts = []
    for i, (what, equation, then) in enumerate(rows):
        y = 30 + i * 52
        fill = [BLUE + "33", GREY + "77", BLUE + "33", RED + "44"][i]
        parts += [
            box(20, y, 230, 38, fill),
            text(135, y + 24, what),
            arrow(250, y + 19, 290, y + 19),
        ]
        parts += [
            box(295, y, 270, 38),
            text(430, y + 24, equation),
            arrow(565, y + 19, 605, y + 19),
        ]
        parts += [box(610, y, 230, 38), text(725, y + 24, then)]
    picture(
        "encoder", 860, 240,
        "Each kept bit is one linear equation over the encoded bits; pruned bits give none; an "
        "equation that contradicts earlier ones becomes a patch.", *parts,
    )  # fmt: skip


def machine() -> None:
    """Draw the machine as a graph of parts."""
    names = [
        (20, 70, 120, "DRAM channels"), (185, 20, 150, "weights ▸ prefetch"),
        (185, 70, 150, "mask ▸ prefetch"), (185, 120, 150, "patches ▸ prefetch"),
        (385, 20, 120, "XOR decoders"), (385, 70, 120, "mask unit"), (385, 120, 120, "patch unit"),
        (560, 70, 110, "PE array"), (725, 70, 110, "writer ▸ DRAM"),
        (185, 190, 150, "activations"), (385, 190, 120, "scratchpad"),
    ]  # fmt: skip
    parts = [box(x, y, w, 36, "#eef3f9") + text(x + w / 2, y + 23, name) for x, y, w, name in names]
    lines = [
        (140, 88, 183, 38), (140, 88, 183, 88), (140, 88, 183, 138), (335, 38, 383, 38),
        (335, 88, 383, 88), (335, 138, 383, 138), (505, 38, 558, 80), (505, 88, 558, 88),
        (505, 138, 558, 96), (670, 88, 723, 88), (100, 106, 183, 205), (335, 208, 383, 208),
        (505, 208, 600, 108),
    ]  # fmt: skip
    parts += [arrow(*line) for line in lines]
    parts.append(text(20, 260, "Every arrow is a bounded channel: when it is full, the part before it waits, "
                      "and the cycle is booked with its cause.", anchor="start"))  # fmt: skip
    picture(
        "machine", 860, 280,
        "A machine: DRAM feeds streams of weights, mask and patches, their units feed the PE array, "
        "activations come through the scratchpad, outputs are written back.", *parts,
    )  # fmt: skip


if __name__ == "__main__":
    for draw in (idea, decoder, encoder, machine):
        draw()
