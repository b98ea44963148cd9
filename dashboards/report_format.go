package dashboards

import (
	"encoding/json"
	"fmt"
	"io"

	"cutover/compare"
)

// Format is a form in which a report is written. It is a pflag.Value, so that a
// wrong name is reported with the other errors of the command line.
type Format string

// The formats.
const (
	Text     Format = "text"
	JSON     Format = "json"
	Markdown Format = "markdown"
	HTML     Format = "html" // one file that needs nothing else
)

// Formats lists the formats' names.
func Formats() []string { return []string{string(Text), string(JSON), string(Markdown), string(HTML)} }

// String is the format's name.
func (f *Format) String() string { return string(*f) }

// Type is the kind of value, for --help.
func (f *Format) Type() string { return "format" }

// Set parses a format's name.
func (f *Format) Set(s string) error {
	switch v := Format(s); v {
	case Text, JSON, Markdown, HTML:
		*f = v
		return nil
	}
	return fmt.Errorf("found %.60q, expected text, json, markdown or html", s)
}

// ContentType is the format's media type.
func (f Format) ContentType() string {
	switch f {
	case JSON:
		return "application/json"
	case Markdown:
		return "text/markdown; charset=utf-8"
	case HTML:
		return "text/html; charset=utf-8"
	}
	return "text/plain; charset=utf-8"
}

// Write writes a report in the format.
func (f Format) Write(w io.Writer, r *compare.Report) error {
	switch f {
	case JSON:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r)
	case Markdown:
		return r.WriteMarkdown(w)
	case HTML:
		return WriteReport(w, r)
	}
	return r.WriteText(w)
}
