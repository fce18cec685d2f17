package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/obs"
	"github.com/terragonlabs/holdfast/internal/walship"
)

func main() {
	obs.BoundMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal has its default effect
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs one command line and returns the exit status. The WAL commands
// have exit statuses of their own: PostgreSQL reads them.
func execute(ctx context.Context, args []string, out, complaints io.Writer) int {
	if len(args) > 0 && args[0] == "wal" {
		return walship.Command(ctx, args[1:], openWAL, out, complaints)
	}
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(complaints, "worker:", err)
	if hint := failure.HintOf(err); hint != "" {
		fmt.Fprintln(complaints, "next:  ", hint)
	}
	return failure.ClassOf(err).ExitCode()
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "worker",
		Short:         "Run holdfast's workflows and activities, and carry PostgreSQL's WAL",
		Version:       obs.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return failure.Invalid("arguments", "%s", err).WithHint("%s --help", cmd.CommandPath())
	})
	// wal is listed for help; execute takes it before cobra does.
	root.AddCommand(runCommand(), &cobra.Command{
		Use:   "wal --config FILE serve | push PATH | fetch NAME PATH | status",
		Short: "Carry PostgreSQL's WAL to the stores and back, without Temporal",
		Run:   func(*cobra.Command, []string) {},
	})
	return root
}
