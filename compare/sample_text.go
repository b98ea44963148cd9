package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// TextStyle says how a sample is written for a terminal.
type TextStyle struct {
	Width  int  // cells in a line; 0 is 100
	Colour bool // by ANSI codes; without it changed words are put in brackets
}

// The ANSI codes that are used.
const (
	ansiRed   = "\x1b[31m"
	ansiGreen = "\x1b[32m"
	ansiBold  = "\x1b[1m"
	ansiReset = "\x1b[0m"
)

// marks are how changed words of one side are shown.
func (s TextStyle) marks(code, open, shut string) marks {
	if s.Colour {
		return marks{open: code, shut: ansiReset}
	}
	return marks{open: open, shut: shut, width: len(open) + len(shut)}
}

func (s TextStyle) bold(text string) string {
	if !s.Colour {
		return text
	}
	return ansiBold + text + ansiReset
}

// WriteText writes the sample for a terminal: what was found, the times, the
// request, and both answers beside each other, what differs marked word by word.
func (s *Sample) WriteText(w io.Writer, style TextStyle) error {
	if style.Width <= 0 {
		style.Width = 100
	}
	var b strings.Builder
	r := &s.Result
	fmt.Fprintf(&b, "%s  %s\n", style.bold(visible(r.ID)), r.At.UTC().Format(time.DateTime+" MST"))
	fmt.Fprintf(&b, "%s, model %s, %s, %s, served by the %s\n", r.Endpoint, orDash(r.Model), mode(r.Stream), strings.ReplaceAll(string(r.Outcome), "_", " "), r.Served)
	s.writeFigures(&b)
	if len(r.Findings) > 0 {
		b.WriteString("\n" + style.bold("Findings") + "\n")
		for _, f := range r.Findings {
			fmt.Fprintf(&b, "  %-8s  %s  %s %s\n", f.Severity, f.Code, f.Path, f.Sentence)
		}
	}
	s.writeSaid(&b, style)
	_, err := io.WriteString(w, b.String())
	return err
}

func mode(stream bool) string {
	if stream {
		return "stream"
	}
	return "whole"
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// figures are the rows of a sample's table: name, primary, relay.
func (s *Sample) figures() [][3]string {
	p, r := &s.Result.Primary, &s.Result.Relay
	row := func(name string, f func(*ArmResult) string) [3]string {
		cell := func(a *ArmResult) string {
			if !a.Called {
				return "–"
			}
			return orDash(f(a))
		}
		return [3]string{name, cell(p), cell(r)}
	}
	duration := func(d time.Duration) string {
		if d <= 0 {
			return ""
		}
		v := float64(d) / float64(time.Millisecond)
		return UnitMillis.Format(&v)
	}
	number := func(n int) string { return fmt.Sprint(n) }
	return [][3]string{
		row("status", func(a *ArmResult) string {
			if a.Class != "" {
				return fmt.Sprintf("%d %s", a.Status, a.Class)
			}
			return number(a.Status)
		}),
		row("model", func(a *ArmResult) string { return a.Model }),
		row("first token", func(a *ArmResult) string { return duration(a.TTFT) }),
		row("whole answer", func(a *ArmResult) string { return duration(a.Total) }),
		row("longest silence", func(a *ArmResult) string { return duration(a.Gap) }),
		row("tokens in, out", func(a *ArmResult) string {
			if !a.UsageKnown {
				return ""
			}
			return fmt.Sprintf("%d, %d", a.InputTokens, a.OutputTokens)
		}),
		row("finish", func(a *ArmResult) string { return a.FinishReason }),
		row("text, bytes", func(a *ArmResult) string { return number(a.TextBytes) }),
		row("tool calls", func(a *ArmResult) string { return number(a.ToolCalls) }),
		row("cost", func(a *ArmResult) string {
			if !a.CostKnown {
				return ""
			}
			return dollars(a.CostUSD)
		}),
	}
}

func (s *Sample) writeFigures(b *strings.Builder) {
	b.WriteByte('\n')
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\tprimary\trelay")
	for _, row := range s.figures() {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", row[0], row[1], row[2])
	}
	_ = tw.Flush() // into a builder, which takes everything
	if s.Result.Checked {
		fmt.Fprintf(b, "similarity %.3f, same text: %t, same tool calls: %t\n", s.Result.Similarity, s.Result.TextEqual, s.Result.ToolsEqual)
	}
}

// writeSaid writes what was said, as far as it was kept.
func (s *Sample) writeSaid(b *strings.Builder, style TextStyle) {
	if s.Capture == CaptureNone {
		b.WriteString("\nNothing of what was said was kept (capture: none).\n")
		return
	}
	if s.Capture != CaptureFull {
		fmt.Fprintf(b, "\nWhat was said was kept %s.\n", captureWord(s.Capture))
	}
	if s.Request.Body != "" {
		b.WriteString("\n" + style.bold("Request") + "\n")
		for _, line := range wrap([]piece{{pretty(s.Request.Body), false}}, style.Width, marks{}) {
			b.WriteString(line.text + "\n")
		}
	}
	width := (style.Width - 4) / 2
	b.WriteByte('\n')
	columns(b, []cells{{style.bold("Primary"), len("Primary")}}, []cells{{style.bold("Relay"), len("Relay")}}, width)
	left, right := sidesOf(s.Primary.whole(), s.Relay.whole())
	columns(b, wrap(left, width, style.marks(ansiRed, "[-", "-]")), wrap(right, width, style.marks(ansiGreen, "{+", "+}")), width)
}

func captureWord(c Capture) string {
	if c == CaptureHashes {
		return "as digests, which tell only whether it is the same"
	}
	return "with names, numbers and keys removed"
}

// whole is an answer in one text, for a diff.
func (s *Said) whole() string {
	parts := []string{}
	if s.Text != "" {
		parts = append(parts, s.Text)
	}
	if s.Refusal != "" {
		parts = append(parts, "(refusal) "+s.Refusal)
	}
	for _, call := range s.ToolCalls {
		parts = append(parts, fmt.Sprintf("(calls %s) %s", call.Name, pretty(call.Arguments)))
	}
	if len(parts) == 0 {
		return "(nothing)"
	}
	return strings.Join(parts, "\n")
}

// pretty indents JSON; any other text stays as it is.
func pretty(text string) string {
	var b bytes.Buffer
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') && json.Indent(&b, []byte(text), "", "  ") == nil {
		return b.String()
	}
	return text
}
