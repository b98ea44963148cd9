package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"cutover/internal/config"
	"cutover/internal/doctor"
)

// newDoctorCommand is `cutover doctor`.
func newDoctorCommand(env config.Environ) *cobra.Command {
	var live bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check configuration, providers, Redis, data directory and a running sidecar",
		Long: `Checks everything that serve needs, with the configuration that serve would use:
the configuration itself, both providers (their list of models, with the
configured key), Redis, the data directory, and the sidecar if one is running.

With --live it only checks whether a running sidecar is alive. Use it as the
health check of a container.

Exit codes: 0 everything is OK, 1 a check failed, 2 the configuration is wrong.`,
		Example: `  cutover doctor --primary https://api.openai.com/v1 --relay https://relay.example/v1
  cutover doctor --config cutover.yaml --output json
  cutover doctor --live`,
		Args: cobra.NoArgs,
	}
	settings := config.AddFlags(cmd.Flags())
	output := addOutputFlag(cmd)
	cmd.Flags().BoolVar(&live, "live", false, "only check whether a running sidecar is alive")
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "timeout for each check")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		conf, err := settings.Load(env)
		if conf == nil {
			return err
		}
		d := doctor.New(conf, timeout)
		var found doctor.Diagnosis
		if live {
			// Whether a sidecar is alive does not depend on whether this process's
			// own configuration is valid.
			err = nil
			found = d.Alive(cmd.Context())
		} else {
			found = d.Examine(cmd.Context(), err)
		}
		if err := output.write(cmd.OutOrStdout(), found, found.WriteText); err != nil {
			return err
		}
		if !found.OK {
			return errors.Join(errReported, err)
		}
		return nil
	}
	return cmd
}
