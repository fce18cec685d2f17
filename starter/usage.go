package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// badFlag marks a flag error as the caller's mistake.
func badFlag(cmd *cobra.Command, err error) error {
	return failure.Wrap(failure.InvalidInput, hinted(err, cmd.CommandPath()+" --help"), "command line")
}

// missingSubcommand names what could have been meant.
func missingSubcommand(cmd *cobra.Command) error {
	var names []string
	for _, one := range cmd.Commands() {
		if one.IsAvailableCommand() {
			names = append(names, one.Name())
		}
	}
	return failure.New(failure.InvalidInput, "%s needs one of: %s", cmd.CommandPath(), strings.Join(names, ", ")).
		WithHint("%s --help", cmd.CommandPath())
}

// mustComplete panics on a completion for a flag that does not exist: a mistake
// in this program that every start would show.
func mustComplete(err error) {
	if err != nil {
		panic(err)
	}
}

// isUsage reports whether err is one of cobra's own about the command line,
// which carry no type.
func isUsage(err error) bool {
	for _, beginning := range []string{"unknown command", "accepts ", "requires ", "required flag", "if any flags in the group", "at least one of the flags", "if any of the flags"} {
		if strings.HasPrefix(err.Error(), beginning) {
			return true
		}
	}
	return false
}

func hinted(err error, command string) error {
	var classed *failure.Error
	if errors.As(err, &classed) {
		return err
	}
	return failure.New(failure.InvalidInput, "%s", err).WithHint("%s", command)
}

// exitCodes is the text of `starter help exit-codes`.
const exitCodes = `The exit status says what kind of thing happened:

   0  done
   2  InvalidInput       the request can never work; the message names the field
   3  NotFound           the named thing does not exist
   4  Exists             it is there already, with other content; nothing was overwritten
   5  Refused            a rule forbids it (role, requester, replay, expiry, run active)
   6  Forbidden          the outside system denied access
   7  Unavailable        the outside system did not answer; trying again may help
   8  Corrupt            bytes are not what their checksum or signature says
   9  WALGap             a WAL segment that recovery needs is in no store
  10  TargetUnreachable  no backup and WAL lead to the target
  11  TargetMissed       recovery ended elsewhere than asked
  12  IdentityMismatch   the thing found is not the thing named
  13  InsufficientSpace  the file system cannot hold what would be written
  14  CheckFailed        a validation ran and its result is bad
  15  Unsafe             going on could destroy data
  70  Internal           holdfast itself is wrong
  71  Unknown            the class could not be determined; never treat it as fine

With -o json the error is one JSON object on standard error:
{"class", "message", "field", "hint", "exit"}.
`

func (a *app) exitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit status means", Long: exitCodes}
}
