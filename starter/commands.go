package main

import (
	"github.com/spf13/cobra"
)

// Groups of commands, in the order help lists them.
const (
	groupRun    = "run"
	groupDecide = "decide"
	groupData   = "data"
	groupPlan   = "plan"
)

func (a *app) groups() []*cobra.Group {
	return []*cobra.Group{
		{ID: groupRun, Title: "Recovery runs:"},
		{ID: groupDecide, Title: "Decisions of people, signed:"},
		{ID: groupData, Title: "Backups, also without Temporal:"},
		{ID: groupPlan, Title: "The plan and its keys:"},
	}
}

// commands are all there are, one file each.
func (a *app) commands() []*cobra.Command {
	var all []*cobra.Command
	for _, part := range []struct {
		group    string
		commands []*cobra.Command
	}{
		{groupRun, []*cobra.Command{a.runCommand(), a.statusCommand(), a.reportCommand(), a.undoCommand()}},
		{groupDecide, a.decisionCommands()},
		{groupData, []*cobra.Command{a.backupCommand(), a.restorePointCommand(), a.databaseCommand()}},
		{groupPlan, []*cobra.Command{a.planCommand(), a.keyCommand()}},
	} {
		for _, command := range part.commands {
			command.GroupID = part.group
			all = append(all, command)
		}
	}
	return append(all, a.exitCodesTopic())
}

// onlyGroup makes a command that has subcommands refuse to do nothing: a
// mistyped subcommand must not exit 0 with a help text.
func onlyGroup(command *cobra.Command) *cobra.Command {
	command.Args = cobra.NoArgs
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		return badFlag(cmd, missingSubcommand(cmd))
	}
	return command
}
