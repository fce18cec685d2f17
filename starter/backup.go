package main

import "github.com/spf13/cobra"

func (a *app) backupCommand() *cobra.Command {
	parent := onlyGroup(&cobra.Command{
		Use:   "backup",
		Short: "List, make, verify and restore backups",
		Long: `List, make, verify and restore backups, straight from and to the plan's stores.

None of these commands needs Temporal or a worker: backups must be readable and
restorable while everything else is down.`,
		Example: `  starter backup list --database research
  starter backup create --database research --host db-1 --signer /etc/holdfast/signer.asc
  starter backup verify --database research --all
  starter backup restore --database research --latest --to /srv/restore --key recipient.asc`,
	})
	parent.AddCommand(a.backupList(), a.backupCreate(), a.backupVerify(), a.backupRestore())
	return parent
}
