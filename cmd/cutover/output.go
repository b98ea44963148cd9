package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cutover/internal/wording"
)

// outputFormat is the value of --output. It is a pflag.Value, so that an invalid
// value is found while the command line is parsed.
type outputFormat string

// The formats.
const (
	outputText outputFormat = "text"
	outputJSON outputFormat = "json"
)

// addOutputFlag gives a command --output text|json.
func addOutputFlag(cmd *cobra.Command) *outputFormat {
	format := outputText
	cmd.Flags().Var(&format, "output", "output `format`: text or json")
	// The only error is that the flag does not exist.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return &format
}

// String is the word.
func (f *outputFormat) String() string { return string(*f) }

// Set takes text or json.
func (f *outputFormat) Set(s string) error {
	switch v := outputFormat(s); v {
	case outputText, outputJSON:
		*f = v
		return nil
	}
	return fmt.Errorf("found %s, expected text or json", wording.Quote(s))
}

// Type names the kind of value for --help.
func (f *outputFormat) Type() string { return "format" }

// write prints v as indented JSON, or calls text.
func (f *outputFormat) write(w io.Writer, v any, text func(io.Writer) error) error {
	if *f != outputJSON {
		return text(w)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
