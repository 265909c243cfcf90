# SPDX-License-Identifier: MIT
"""Medians, spreads and ratios of what was measured; tables, CSV and plots of them."""

import csv
import subprocess
from statistics import median

# name: (heading, unit of it, how it is got from one result of bench_client)
FIGURES = {
    "cpu_request": ("CPU/request", "us", lambda r: r["cpu_us"] / max(r["requests"], 1)),
    "cpu_token": ("CPU/token", "us", lambda r: r["cpu_us"] / max(r["tokens"], 1)),
    "requests_s": ("requests", "1/s", lambda r: r["requests"] / r["seconds"]),
    "tokens_s": ("tokens", "1/s", lambda r: r["tokens"] / r["seconds"]),
    "first_p50": ("first p50", "us", lambda r: r["first_us"]["p50"]),
    "first_p99": ("first p99", "us", lambda r: r["first_us"]["p99"]),
    "first_p999": ("first p99.9", "us", lambda r: r["first_us"]["p999"]),
    "delay_p50": ("delay p50", "us", lambda r: r["delay_us"]["p50"]),
    "delay_p99": ("delay p99", "us", lambda r: r["delay_us"]["p99"]),
    "delay_p999": ("delay p99.9", "us", lambda r: r["delay_us"]["p999"]),
}
YARDSTICK = "haproxy"


def values(results, figure):
    return [FIGURES[figure][2](result) for result in results]


def middle(results, figure):
    return median(values(results, figure))


def spread(results, figure):
    """Half the distance of smallest and largest, in percent of the median."""
    found = values(results, figure)
    centre = median(found)
    return 50 * (max(found) - min(found)) / centre if centre else 0.0


def ratio(results, yardstick, figure):
    """The median over rounds of <results> to <yardstick>: what disturbs a round disturbs both."""
    pairs = zip(values(results, figure), values(yardstick, figure))
    return median([ours / theirs for ours, theirs in pairs if theirs] or [0.0])


def is_cpu(figure):
    return figure.startswith("cpu_")


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def rows_of(shape, results):
    """The table of one shape: headings, then a row of texts for each peer."""
    lead = next((figure for figure in shape.figures if is_cpu(figure)), shape.figures[0])
    head = ["", *(f"{FIGURES[f][0]} ({FIGURES[f][1]})" for f in shape.figures),
            "added p50 (us)", "spread", f"x {YARDSTICK}"]
    delay = next(figure for figure in shape.figures if figure.endswith("_p50"))
    floor = middle(results["direct"], delay) if "direct" in results else None
    rows = []
    for name, rounds in results.items():
        row = [name]
        for figure in shape.figures:
            nothing = is_cpu(figure) and middle(rounds, figure) == 0
            row.append("-" if nothing else number(middle(rounds, figure)))
        added = "-" if floor is None else number(max(middle(rounds, delay) - floor, 0))
        row.append(added)
        compared = results.get(YARDSTICK) and middle(rounds, lead) > 0
        row.append(f"±{spread(rounds, lead):.0f} %" if middle(rounds, lead) > 0 else "-")
        row.append(f"{ratio(rounds, results[YARDSTICK], lead):.2f}" if compared else "-")
        rows.append(row)
    return head, rows


def text_table(head, rows):
    widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]
    lines = []
    for line in [head, *rows]:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown_table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def write_csv(path, collected):
    """One line for each shape, peer and round, with every figure."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["shape", "peer", "round", *FIGURES, "waited_us"])
        for shape, results in collected.items():
            for peer, rounds in results.items():
                for index, result in enumerate(rounds):
                    figures = [f"{FIGURES[figure][2](result):.4f}" for figure in FIGURES]
                    writer.writerow([shape, peer, index + 1, *figures, result["waited_us"]])


def plot(path, shapes, collected):
    """CPU time of each peer, one picture for all shapes, as ratios to HAProxy where it ran."""
    names = [shape for shape in shapes if shape.name in collected and
             any(is_cpu(figure) for figure in shape.figures)]
    peers = []
    for shape in names:
        peers += [peer for peer in collected[shape.name] if peer not in peers]
    peers = [peer for peer in peers if peer != "direct"]
    data = ["shape " + " ".join(f'"{peer}"' for peer in peers)]
    for shape in names:
        lead = next(figure for figure in shape.figures if is_cpu(figure))
        results = collected[shape.name]
        cells = [f"{middle(results[peer], lead):.3f}" if peer in results else "NaN"
                 for peer in peers]
        unit = "request" if lead == "cpu_request" else "token"
        data.append(f'"{shape.name}\\n(per {unit})" ' + " ".join(cells))
    script = f"""
set terminal svg size {max(700, 150 * len(names))},420 dynamic background rgb "white" font "sans,12"
set output "{path}"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.85
set boxwidth 0.9
set grid y
set yrange [0:*]
set ylabel "CPU time of the gateway (microseconds)"
set key top right
$data << END
{chr(10).join(data)}
END
plot for [i=2:{len(peers) + 1}] $data using i:xtic(1) title columnheader(i)
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
