"""Results of all rounds: medians, spread, ratios, tables, and the comparison of two runs."""
import statistics


class Results:
    """Values by table, row and metric, one a round. A round that failed leaves None in its place."""

    def __init__(self):
        self._values = {}  # (table name, row) -> [{metric: value} or None]
        self._measurements = {}
        self.failures = []

    def add(self, measurement, numbers):
        key = (measurement.table.name, measurement.row)
        self._measurements[key] = measurement
        self._values.setdefault(key, []).append(numbers)

    def add_failure(self, measurement, reason):
        self.add(measurement, None)
        self.failures.append({"scenario": measurement.table.name, "subject": measurement.row, "reason": reason})

    def tables(self):
        """Tables in the order of their first measurement."""
        return list({key[0]: measurement.table for key, measurement in self._measurements.items()}.values())

    def rows(self, table):
        return [row for name, row in self._measurements if name == table.name]

    def values(self, table, row, metric):
        rounds = self._values.get((table.name, row), [])
        return [numbers[metric.name] for numbers in rounds if numbers and metric.name in numbers]

    def ratios(self, table, row, metric, reference):
        """The ratio inside each round that has both."""
        ratios = []
        for ours, theirs in zip(self._values.get((table.name, row), []), self._values.get((table.name, reference), [])):
            if ours and theirs and metric.name in ours and theirs.get(metric.name):
                ratios.append(ours[metric.name] / theirs[metric.name])
        return ratios

    def ratio(self, table, row, metric, reference):
        """Median of the rounds' ratios; None when no round has both."""
        ratios = self.ratios(table, row, metric, reference)
        return statistics.median(ratios) if ratios else None

    def references(self, table, row):
        return self._measurements[(table.name, row)].references

    def as_list(self):
        """One dictionary per table, row and metric, for JSON."""
        found = []
        for table in self.tables():
            for row in self.rows(table):
                for metric in table.metrics:
                    values = self.values(table, row, metric)
                    if not values:
                        continue
                    ratios = {reference: self.ratio(table, row, metric, reference)
                              for reference in self.references(table, row).values() if metric.ratio}
                    found.append({"scenario": table.name, "subject": row, "metric": metric.name, "values": values,
                                  "median": statistics.median(values), "spread_percent": spread_percent(values),
                                  "ratios": {name: ratio for name, ratio in ratios.items() if ratio is not None}})
        return found


def spread_percent(values):
    """Distance between the lowest and the highest value, in percent of the median."""
    middle = statistics.median(values)
    return 100 * (max(values) - min(values)) / middle if middle else 0.0


def aligned(lines):
    """Columns of text: the first to the left, the others to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        first, *rest = (cell.ljust(width) if column == 0 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(line, widths)))
        yield "  ".join([first, *rest]).rstrip()


def _metric_cells(results, table, row, metric):
    """{heading: text} of what is known."""
    values = results.values(table, row, metric)
    if not values:
        return {}
    cells = {metric.heading: f"{statistics.median(values):.{metric.digits}f}",
             "spread": f"{spread_percent(values):.0f}%"}
    for heading, reference in results.references(table, row).items():
        ratio = results.ratio(table, row, metric, reference)
        if ratio is not None:
            cells[heading] = f"{ratio:.2f}"
    return cells


def table_text(results, table):
    """The table with one row per subject. The first metric is the one to quote and has its spread beside it; ratios
    follow the metrics for which they are asked."""
    rows = results.rows(table)
    metrics = [metric for metric in table.metrics if any(results.values(table, row, metric) for row in rows)]
    references = list(dict.fromkeys(heading for row in rows for heading in results.references(table, row)))
    columns = []
    for position, metric in enumerate(metrics):
        shown = [metric.heading] + (["spread"] if position == 0 else []) + (references if metric.ratio else [])
        columns += [(metric, heading) for heading in shown]
    lines = [["", *(heading for _, heading in columns)]]
    for row in rows:
        cells = {metric: _metric_cells(results, table, row, metric) for metric in metrics}
        lines.append([row, *(cells[metric].get(heading, "-") for metric, heading in columns)])
    return "\n".join([f"{table.name}: {table.title}", *("  " + line for line in aligned(lines))])


def verdict(target, found):
    """Met or missed only where the middle half of the rounds lies on one side of the bound."""
    if len(found) < 2:
        return "one round decides nothing"
    low, _, high = statistics.quantiles(found, n=4)
    low, high = max(low, min(found)), min(high, max(found))
    word = "met" if high <= target.bound else "missed" if low > target.bound else "undecided, the noise is too large"
    return f"half of the rounds between {low:.2f} and {high:.2f}: {word}"


def target_lines(results, table):
    """Whether the project's targets are met."""
    for target in table.targets:
        if target.reference:
            found = results.ratios(table, target.name, target.metric, target.reference)
            what = f"{target.metric.heading} × {target.reference}"
        else:
            found, what = results.values(table, target.name, target.metric), target.metric.heading
        if found:
            yield (f"target of {target.name}: {what} ≤ {target.bound:g}; here {statistics.median(found):.2f}, "
                   f"{verdict(target, found)}")


def comparison_text(before, after):
    """Rows that both runs have: medians, their change, and the change of the first ratio. Only the latter says
    something when the two runs saw different machines or neighbours."""
    old = {(item["scenario"], item["subject"], item["metric"]): item for item in before["results"]}
    lines = [["", "metric", "before", "after", "change", "noise", "ratio to", "before", "after", "change"]]
    for item in after["results"]:
        earlier = old.get((item["scenario"], item["subject"], item["metric"]))
        if earlier is None or not earlier["median"]:
            continue
        change = 100 * (item["median"] / earlier["median"] - 1)
        noise = max(item["spread_percent"], earlier["spread_percent"])
        line = [f"{item['scenario']}: {item['subject']}", item["metric"], f"{earlier['median']:.4g}",
                f"{item['median']:.4g}", f"{change:+.1f}%", f"±{noise / 2:.0f}%"]
        shared = [name for name in item["ratios"] if earlier["ratios"].get(name) and name != item["subject"]]
        if shared:
            was, now = earlier["ratios"][shared[0]], item["ratios"][shared[0]]
            line += [shared[0], f"{was:.2f}", f"{now:.2f}", f"{100 * (now / was - 1):+.1f}%"]
        else:
            line += ["-"] * 4
        lines.append(line)
    return "\n".join(aligned(lines))
