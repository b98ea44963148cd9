package compare

import (
	"fmt"
	"io"
	"strings"

	"cutover/compare/stats"
)

// WriteMarkdown writes the report for an issue or a change request.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Cutover report\n\n**%s**\n\n", r.Verdict.Sentence)
	for _, reason := range r.Verdict.Reasons {
		fmt.Fprintf(&b, "- %s\n", reason)
	}
	fmt.Fprintf(&b, "\n%s  \n%s\n", markdown(r.heading()), markdown(r.outcomeLine()))
	if r.Requests > 0 {
		r.markdownTables(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) markdownTables(b *strings.Builder) {
	b.WriteString("\n## What must be known\n\n| question | answer | why |\n|---|---|---|\n")
	for _, q := range r.Questions {
		fmt.Fprintf(b, "| %s | **%s** | %s |\n", markdown(q.Text), q.Answer, markdown(q.Why))
	}
	b.WriteString("\n## Side by side\n\n| | primary | relay | relay against primary |\n|---|---:|---:|---:|\n")
	for i := range r.Rows {
		row := &r.Rows[i]
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", row.Name, row.Unit.Format(row.Primary), row.Unit.Format(row.Relay), row.Against())
	}
	if r.Saving != nil {
		fmt.Fprintf(b, "\n%s\n", r.Saving.Sentence())
	}
	fmt.Fprintf(b, "\n%s\n", r.contentsLine())
	fmt.Fprintf(b, "\nDoes the relay differ more than the primary differs from itself? **%s.** %s\n", capitalise(string(r.Noise.Differs)), r.Noise.Sentence)
	if len(r.Findings) > 0 {
		b.WriteString("\n## Findings\n\n| | severity | finding | relay | primary | both | example | |\n|---|---|---|---:|---:|---:|---|---|\n")
		for i, f := range r.Findings {
			if i == maxShown {
				fmt.Fprintf(b, "\nand %d more\n", len(r.Findings)-maxShown)
				break
			}
			fmt.Fprintf(b, "| %s | %s | `%s` | %d | %d | %d | `%s` | %s |\n", strings.TrimSpace(mark(f.Raised)), f.Severity, codeSpan(f.title()), f.Relay, f.Primary, f.Pair, codeSpan(f.Example), markdown(f.Sentence))
		}
		b.WriteString("\n`!`: the relay is shown to have it more often; others may be chance.\n")
	}
	if len(r.Groups) > 0 {
		b.WriteString("\n## By endpoint and model\n\n| endpoint | model | mode | pairs | errors primary | errors relay | first token p50 primary | relay | similarity |\n|---|---|---|---:|---:|---:|---:|---:|---:|\n")
		for i := range r.Groups {
			if i == maxShown {
				break
			}
			g := &r.Groups[i]
			fmt.Fprintf(b, "| `%s` | `%s` | %s | %d | %s | %s | %s | %s | %s |\n", codeSpan(g.Endpoint), codeSpan(g.Model), g.Mode(), g.Pairs,
				UnitShare.Format(g.PrimaryErrors), UnitShare.Format(g.RelayErrors), UnitMillis.Format(g.PrimaryTTFT), UnitMillis.Format(g.RelayTTFT), UnitFraction.Format(g.Similarity))
		}
	}
	fmt.Fprintf(b, "\n%s\n", r.method())
}

// Mode says how the group's answers came.
func (g *GroupRow) Mode() string {
	if g.Stream {
		return "stream"
	}
	return "whole"
}

// method tells how the figures were made.
func (r *Report) method() string {
	return fmt.Sprintf("Intervals and answers hold at all times, however often one looks, each with an error probability of %s; shares are compared in percentage points (pp), everything else by ratio. Quantiles are within %s.", percent(r.Alpha), percent(stats.SketchAccuracy))
}

// markdown escapes what would be read as markup.
func markdown(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "\n", " ").Replace(s)
}

// codeSpan makes text fit to stand between backquotes in a table.
func codeSpan(s string) string {
	return strings.NewReplacer("`", "'", "|", "/", "\n", " ").Replace(s)
}
