package main

import (
	"strings"

	"github.com/spf13/cobra"

	"cutover/flags"
	"cutover/internal/admin"
	"cutover/internal/usage"
)

// completeKeys completes the flags' keys, with their meaning, and values.
func completeKeys(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var out []string
	switch len(args) {
	case 0:
		for _, d := range flags.Definitions() {
			out = append(out, d.Key+"\t"+d.Meaning)
		}
	case 1:
		for _, d := range flags.Definitions() {
			if d.Key == args[0] {
				out = d.Suggestions()
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeKey is completeKeys for commands that take only a key.
func completeKey(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeKeys(cmd, args, typed)
}

// checkKey rejects a key that was probably mistyped. Keys of other programs' flags
// are accepted if they exist, or with --create.
func checkKey(key string, stored map[string]flags.Field, create bool) error {
	if _, ok := stored[key]; ok || create || strings.HasPrefix(key, "$") {
		return nil
	}
	for _, known := range flags.Keys() {
		if key == known {
			return nil
		}
	}
	return usage.Errorf("%v; use --create to add a flag of your own", admin.UnknownFlag(key))
}
