package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// buildFacts identify this binary. Fields that the build did not record are empty.
type buildFacts struct {
	Version  string `json:"version"`            // of the module, or "devel"
	Revision string `json:"revision,omitempty"` // of the source
	Time     string `json:"time,omitempty"`     // of that revision, RFC 3339
	Modified bool   `json:"modified,omitempty"` // the source had changes beyond that revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// readBuildFacts reads what the Go toolchain wrote into the binary.
func readBuildFacts() buildFacts {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return factsOf(info)
}

func factsOf(info *debug.BuildInfo) buildFacts {
	f := buildFacts{
		Version:  strings.Trim(info.Main.Version, "()"),
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if f.Version == "" {
		f.Version = "devel"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			f.Revision = s.Value
		case "vcs.time":
			f.Time = s.Value
		case "vcs.modified":
			f.Modified = s.Value == "true"
		}
	}
	return f
}

func (f buildFacts) writeText(w io.Writer) error {
	text := "cutover " + f.Version
	if f.Revision != "" {
		text += " (" + f.Revision[:min(len(f.Revision), 12)]
		if f.Time != "" {
			text += ", " + f.Time
		}
		if f.Modified {
			text += ", modified"
		}
		text += ")"
	}
	_, err := fmt.Fprintf(w, "%s %s %s\n", text, f.Go, f.Platform)
	return err
}

// newVersionCommand is `cutover version`.
func newVersionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version, source revision, Go version and platform",
		Example: `  cutover version
  cutover version --output json`,
		Args: cobra.NoArgs,
	}
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		facts := readBuildFacts()
		return output.write(cmd.OutOrStdout(), facts, facts.writeText)
	}
	return cmd
}
