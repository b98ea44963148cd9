package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"cutover/flags"
)

// haltRequest is the body of POST /api/v1/flags/halt and /resume.
type haltRequest struct {
	Who string `json:"who,omitempty"`
	Why string `json:"why,omitempty"`
}

func (api flagsAPI) halt(w http.ResponseWriter, r *http.Request) { api.switchHalt(w, r, api.Set.Halt) }
func (api flagsAPI) resume(w http.ResponseWriter, r *http.Request) {
	api.switchHalt(w, r, api.Set.Resume)
}

func (api flagsAPI) switchHalt(w http.ResponseWriter, r *http.Request, do func(who, why string) error) {
	var in haltRequest
	if err := readFlagsBody(r, &in); err != nil {
		writeAPIError(w, http.StatusBadRequest, err)
		return
	}
	if err := do(api.who(r, in.Who), in.Why); err != nil {
		writeFlagsError(w, err)
		return
	}
	writeAPI(w, api.Set.State())
}

func newFlagsHaltCommand(target *flagsTarget, con console) *cobra.Command {
	cmd := newHaltSwitch(target, con, "halt")
	cmd.Short = "Stop the relay in one sidecar, with or without Redis"
	cmd.Long = `halt is the kill switch of one sidecar, by its admin API: from now on its relay
gets nothing, whatever the flags say and whether or not Redis can be reached. It
outlives a restart. For a whole fleet flip the flag relay-enabled; halt is for
when that can't be done, or for one sidecar alone.`
	cmd.Example = `  cutover flags halt --reason "Redis is away and the relay answers nonsense"
  for s in $SIDECARS; do cutover flags halt --admin http://$s:8081; done`
	return cmd
}

func newFlagsResumeCommand(target *flagsTarget, con console) *cobra.Command {
	cmd := newHaltSwitch(target, con, "resume")
	cmd.Short = "End a halt: the flags rule again"
	cmd.Example = "  cutover flags resume --reason \"Redis is back, relay-enabled is false\""
	return cmd
}

func newHaltSwitch(target *flagsTarget, con console, verb string) *cobra.Command {
	var reason, who string
	cmd := &cobra.Command{Use: verb, Args: cobra.NoArgs}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the log and for whoever looks")
	cmd.Flags().StringVar(&who, "who", "", "who (default user@host)")
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if target.Redis != "" {
			return usagef("%s is about one sidecar: name it with --admin. For the fleet: cutover flags set relay-enabled false", verb)
		}
		base := target.Admin
		if base == "" {
			base = defaultAdmin // not the Redis of the environment: it may be what is away
		}
		sidecar, err := newAdminStore(base, target.env(adminTokenVariable))
		if err != nil {
			return err
		}
		defer func() { _ = sidecar.Close() }()
		if who == "" {
			who = whoAmI(con.Env.get)
		}
		state, err := sidecar.switchHalt(cmd.Context(), verb, haltRequest{who, reason})
		if err != nil {
			return err
		}
		return output.write(cmd.OutOrStdout(), state, func(w io.Writer) error {
			text := "the flags rule again"
			if state.Halted != nil {
				text = "the relay gets nothing from this sidecar, until: cutover flags resume"
			}
			_, err := fmt.Fprintln(w, text)
			return err
		})
	}
	return cmd
}

func (a *adminStore) switchHalt(ctx context.Context, verb string, in haltRequest) (state flags.State, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return state, err
	}
	err = a.ask(ctx, http.MethodPost, "/api/v1/flags/"+verb, nil, body, &state)
	return state, err
}
