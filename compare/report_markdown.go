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
	fmt.Fprintf(&b, "# Cutover report\n\n**%s**\n\n", r.Conclusion.Sentence)
	for _, reason := range r.Conclusion.Reasons {
		fmt.Fprintf(&b, "- %s\n", reason)
	}
	fmt.Fprintf(&b, "\n%s  \n%s\n", markdown(r.Heading()), markdown(r.OutcomeLine()))
	if r.Requests > 0 {
		r.markdownTables(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) markdownTables(b *strings.Builder) {
	b.WriteString("\n## " + questionsHeading + "\n\n| question | answer | why |\n|---|---|---|\n")
	for _, q := range r.Questions {
		fmt.Fprintf(b, "| %s | **%s** | %s |\n", markdown(q.Text), q.Answer, markdown(q.Why))
	}
	b.WriteString("\n## Side by side\n\n| | primary | relay | relay vs primary |\n|---|---:|---:|---:|\n")
	for i := range r.Rows {
		row := &r.Rows[i]
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", row.Name, row.Unit.Format(row.Primary), row.Unit.Format(row.Relay), row.Against())
	}
	if r.Saving != nil {
		fmt.Fprintf(b, "\n%s\n", r.Saving.Sentence())
	}
	fmt.Fprintf(b, "\n%s\n", r.ContentsLine())
	fmt.Fprintf(b, "\n%s **%s.** %s\n", noiseHeading, capitalise(r.Noise.Differs.String()), r.Noise.Sentence)
	r.markdownFindings(b)
	r.markdownGroups(b)
	fmt.Fprintf(b, "\n%s\n", r.Method())
}

func (r *Report) markdownFindings(b *strings.Builder) {
	if len(r.Findings) == 0 {
		return
	}
	b.WriteString("\n## Findings\n\n| | severity | finding | relay | primary | both | example | |\n|---|---|---|---:|---:|---:|---|---|\n")
	for i, f := range r.Findings {
		if i == maxRows {
			fmt.Fprintf(b, "\nand %d more\n", len(r.Findings)-maxRows)
			break
		}
		fmt.Fprintf(b, "| %s | %s | `%s` | %d | %d | %d | `%s` | %s |\n", strings.TrimSpace(mark(f.Significant)), f.Severity,
			codeSpan(f.title()), f.Relay, f.Primary, f.Pair, codeSpan(f.Example), markdown(f.Sentence))
	}
	b.WriteString("\n`!`: the relay has it significantly more often; unmarked differences may be chance.\n")
}

func (r *Report) markdownGroups(b *strings.Builder) {
	if len(r.Groups) == 0 {
		return
	}
	b.WriteString("\n## By endpoint and model\n\n" +
		"| endpoint | model | mode | pairs | errors primary | errors relay | first token p50 primary | relay | similarity |\n" +
		"|---|---|---|---:|---:|---:|---:|---:|---:|\n")
	for i := range r.Groups {
		if i == maxRows {
			break
		}
		g := &r.Groups[i]
		fmt.Fprintf(b, "| `%s` | `%s` | %s | %d | %s | %s | %s | %s | %s |\n",
			codeSpan(g.Endpoint), codeSpan(g.Model), g.Mode(), g.Pairs, UnitShare.Format(g.PrimaryErrors), UnitShare.Format(g.RelayErrors),
			UnitMillis.Format(g.PrimaryTTFT), UnitMillis.Format(g.RelayTTFT), UnitFraction.Format(g.Similarity))
	}
}

// Mode says whether the group's responses were streamed.
func (g *GroupRow) Mode() string { return modeName(g.Stream) }

// Method says how the figures were made.
func (r *Report) Method() string {
	return fmt.Sprintf("Intervals and answers stay valid however often they are looked at, each with an error probability of %s. "+
		"Shares are compared in percentage points (pp), everything else by ratio. Quantiles are accurate to within %s.",
		formatPercent(r.Alpha), formatPercent(stats.SketchAccuracy))
}

// markdown escapes text that would otherwise be read as markup.
func markdown(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "\n", " ").Replace(s)
}

// codeSpan makes text safe between backquotes in a table.
func codeSpan(s string) string {
	return strings.NewReplacer("`", "'", "|", "/", "\n", " ").Replace(s)
}
