package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func TestOutputFlag(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "as text"},
		{"--output=text", "as text"},
		{"--output=json", "{\n  \"x\": \"a<b\"\n}\n"},
	} {
		cmd := &cobra.Command{}
		format := addOutputFlag(cmd)
		if err := cmd.ParseFlags(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err := format.write(&out, map[string]string{"x": "a<b"}, func(w io.Writer) error {
			_, err := io.WriteString(w, "as text")
			return err
		})
		if err != nil || out.String() != c.want {
			t.Errorf("%q prints %q, %v; want %q", c.args, out.String(), err, c.want)
		}
	}
	if err := (&cobra.Command{}).ParseFlags([]string{"--output=json"}); err == nil {
		t.Error("a command without the flag takes it")
	}
	boom := errors.New("boom")
	format := outputText
	if err := format.write(io.Discard, nil, func(io.Writer) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("write = %v, want the error of the text", err)
	}
}

// TestProgressOnlyOnATerminal pins that pipes and logs stay clean, and that
// the bar leaves the line when it ends.
func TestProgressOnlyOnATerminal(t *testing.T) {
	var pipe bytes.Buffer
	p := newProgress(&pipe, 10, "asking")
	p.add(5)
	p.set(7)
	p.describe("still asking")
	p.end()
	if pipe.Len() > 0 {
		t.Errorf("a pipe gets %q", pipe.String())
	}
	var screen bytes.Buffer
	p = &progress{bar: newBar(&screen, 10, "asking")}
	p.set(5)
	p.end()
	text := screen.String()
	if !strings.Contains(text, "asking") || !strings.HasSuffix(text, "\r") || !utf8.ValidString(text) {
		t.Errorf("a terminal gets %q, want a bar that is taken away in the end", text)
	}
}
