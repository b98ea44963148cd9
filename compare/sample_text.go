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
	Colour bool // by ANSI codes; otherwise changed words are put in brackets
}

// ANSI escape codes.
const (
	ansiRed   = "\x1b[31m"
	ansiGreen = "\x1b[32m"
	ansiBold  = "\x1b[1m"
	ansiReset = "\x1b[0m"
)

// marks are how changed words of one side are shown.
func (s TextStyle) marks(code, before, after string) marks {
	if s.Colour {
		return marks{before: code, after: ansiReset}
	}
	return marks{before: before, after: after, width: len(before) + len(after)}
}

func (s TextStyle) bold(text string) string {
	if !s.Colour {
		return text
	}
	return ansiBold + text + ansiReset
}

// WriteText writes the sample for a terminal: findings, figures, the request, and
// both responses side by side with their differences marked word by word.
func (s *Sample) WriteText(w io.Writer, style TextStyle) error {
	if style.Width <= 0 {
		style.Width = 100
	}
	var b strings.Builder
	r := &s.Result
	fmt.Fprintf(&b, "%s  %s\n", style.bold(visible(r.ID)), r.At.UTC().Format(time.DateTime+" MST"))
	fmt.Fprintf(&b, "%s, model %s, %s, %s, served by the %s\n",
		r.Endpoint, orDash(r.Model), s.Mode(), strings.ReplaceAll(string(r.Outcome), "_", " "), r.Served)
	s.writeFigures(&b)
	if len(r.Findings) > 0 {
		b.WriteString("\n" + style.bold("Findings") + "\n")
		for _, f := range r.Findings {
			fmt.Fprintf(&b, "  %-8s  %s  %s %s\n", f.Severity, f.Code, f.Path, f.Sentence)
		}
	}
	s.writeBodies(&b, style)
	_, err := io.WriteString(w, b.String())
	return err
}

// Mode says whether the responses were streamed.
func (s *Sample) Mode() string { return modeName(s.Result.Stream) }

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// Figures are the rows of a sample's table: name, primary, relay.
func (s *Sample) Figures() [][3]string {
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
		row("first token", func(a *ArmResult) string { return duration(time.Duration(a.TTFT)) }),
		row("whole response", func(a *ArmResult) string { return duration(time.Duration(a.Total)) }),
		row("longest silence", func(a *ArmResult) string { return duration(time.Duration(a.Gap)) }),
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
			return formatDollars(a.CostUSD)
		}),
	}
}

func (s *Sample) writeFigures(b *strings.Builder) {
	b.WriteByte('\n')
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\tprimary\trelay")
	for _, row := range s.Figures() {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", row[0], row[1], row[2])
	}
	_ = tw.Flush() // into a builder, which takes everything
	if s.Result.Checked {
		fmt.Fprintln(b, s.ContentsLine())
	}
}

// ContentsLine says how similar the two responses are.
func (s *Sample) ContentsLine() string {
	r := &s.Result
	return fmt.Sprintf("similarity %.3f, identical text: %t, identical tool calls: %t", r.Similarity, r.TextEqual, r.ToolsEqual)
}

// writeBodies writes what was kept of the request and the responses.
func (s *Sample) writeBodies(b *strings.Builder, style TextStyle) {
	if note := s.CaptureNote(); note != "" {
		b.WriteString("\n" + note + "\n")
	}
	if s.Capture == CaptureNone {
		return
	}
	if s.Request.Body != "" {
		b.WriteString("\n" + style.bold("Request") + "\n")
		for _, line := range wrap([]Piece{{visible(s.Request.Pretty()), false}}, style.Width, marks{}) {
			b.WriteString(line.text + "\n")
		}
	}
	width := (style.Width - 4) / 2
	b.WriteByte('\n')
	columns(b, []cells{{style.bold("Primary"), len("Primary")}}, []cells{{style.bold("Relay"), len("Relay")}}, width)
	left, right := s.Sides()
	columns(b, wrap(left, width, style.marks(ansiRed, "[-", "-]")), wrap(right, width, style.marks(ansiGreen, "{+", "+}")), width)
}

// CaptureNote says what the capture left out; "" when nothing.
func (s *Sample) CaptureNote() string {
	switch s.Capture {
	case CaptureNone:
		return "No text was kept (capture: none)."
	case CaptureHashes:
		return "Texts were kept as digests, which only show whether they are identical (capture: hashes)."
	case CaptureRedacted:
		return "Texts were kept with names, numbers and keys removed (capture: redacted)."
	}
	return ""
}

// Pretty is the body with its JSON indented; any other text stays as it is.
func (s *SampleBody) Pretty() string { return pretty(s.Body) }

// flatten writes a response as one text, for a diff.
func (s *SampleBody) flatten() string {
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

// pretty indents JSON.
func pretty(text string) string {
	var b bytes.Buffer
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') && json.Indent(&b, []byte(text), "", "  ") == nil {
		return b.String()
	}
	return text
}
