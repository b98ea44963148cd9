package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"cutover/flags"
)

func newFlagsListCommand(target *flagsTarget) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Every flag: value, source, since when, by whom",
		Example: "  cutover flags list\n  cutover flags --redis redis://127.0.0.1:6379 list --output json",
		Args:    cobra.NoArgs,
	}
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return target.with(func(p flagsPlace) error {
			l, err := p.list(cmd.Context())
			if err != nil {
				return err
			}
			return output.write(cmd.OutOrStdout(), l, func(w io.Writer) error { return writeFlagList(w, l) })
		})
	}
	return cmd
}

func newFlagsGetCommand(target *flagsTarget) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "get KEY",
		Short:             "The value of one flag",
		Example:           "  cutover flags get relay-percentage",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeKey,
	}
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return target.with(func(p flagsPlace) error {
			l, err := p.list(cmd.Context())
			if err != nil {
				return err
			}
			i := slices.IndexFunc(l.Flags, func(row flagRow) bool { return row.Key == args[0] })
			if i < 0 {
				return usagef("%v", unknownFlag(args[0]))
			}
			return output.write(cmd.OutOrStdout(), l.Flags[i], func(w io.Writer) error {
				_, err := fmt.Fprintln(w, l.Flags[i].Value)
				return err
			})
		})
	}
	return cmd
}

func newFlagsHistoryCommand(target *flagsTarget) *cobra.Command {
	limit := 20
	cmd := &cobra.Command{
		Use:               "history [KEY]",
		Short:             "The audit: who changed what, when and why, newest first",
		Example:           "  cutover flags history relay-percentage --limit 50",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeKey,
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "how many entries at most")
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if limit < 1 || limit > 10_000 {
			return usagef("--limit %d: use 1 to 10000", limit)
		}
		return target.with(func(p flagsPlace) error {
			key := ""
			if len(args) > 0 {
				key = args[0]
			}
			entries, err := p.History(cmd.Context(), key, limit)
			if err != nil {
				return err
			}
			return output.write(cmd.OutOrStdout(), entryList{Entries: entries}, func(w io.Writer) error {
				return writeHistory(w, entries)
			})
		})
	}
	return cmd
}

func newFlagsExportCommand(target *flagsTarget) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write the flags as a flagd file",
		Example: "  cutover flags export > flags.flagd.json",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&all, "all", false, "also flags that are not set, with the values in force")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return target.with(func(p flagsPlace) error {
			l, err := p.list(cmd.Context())
			if err == nil && l.StoreError != "" {
				err = errors.New(l.StoreError)
			}
			if err != nil {
				return err
			}
			fields := map[string]string{}
			for _, row := range l.Flags {
				if all {
					fields[row.Key] = row.Value
				}
			}
			for key, f := range l.Stored {
				fields[key] = f.Value
			}
			file, err := flags.Export(fields)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(file)
			return err
		})
	}
	return cmd
}

func newFlagsWatchCommand(target *flagsTarget) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "watch",
		Short:   "Print flips as they come",
		Example: "  cutover flags watch\n  cutover flags watch --output json | jq .key",
		Args:    cobra.NoArgs,
	}
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		begun := false
		err := target.with(func(p flagsPlace) error {
			return p.watch(ctx, func(e *flags.Entry) error {
				switch {
				case e == nil && !begun:
					begun = true
					_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "watching; end with Ctrl-C")
					return nil
				case e == nil:
					return nil
				case *output == outputJSON:
					return json.NewEncoder(cmd.OutOrStdout()).Encode(e)
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), flipLine(*e))
				return err
			})
		})
		if errors.Is(err, context.Canceled) {
			return nil // asked to end
		}
		return err
	}
	return cmd
}

func newFlagsExplainCommand(target *flagsTarget) *cobra.Command {
	var a flags.Attributes
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Who would serve this caller, and why",
		Example: `  cutover flags explain --key user-1 --model gpt-4o
  cutover flags explain --key user-1 --endpoint messages --tenant acme --output json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&a.TargetingKey, "key", "", "the caller's targeting key (X-Cutover-Key, user, ...)")
	cmd.Flags().StringVar(&a.Model, "model", "", "the model asked for")
	cmd.Flags().StringVar(&a.Endpoint, "endpoint", "chat/completions", "the endpoint")
	cmd.Flags().StringVar(&a.Tenant, "tenant", "", "the tenant")
	cmd.Flags().BoolVar(&a.Stream, "stream", false, "a stream is asked for")
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if a.TargetingKey == "" {
			return usagef("--key is missing: the targeting key of the caller to explain")
		}
		return target.with(func(p flagsPlace) error {
			e, err := p.explain(cmd.Context(), a)
			if err != nil {
				return err
			}
			return output.write(cmd.OutOrStdout(), e, func(w io.Writer) error { return writeExplanation(w, e) })
		})
	}
	return cmd
}
