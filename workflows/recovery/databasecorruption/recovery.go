package databasecorruption

import (
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// recover brings the restored copy to the approved target and stops it there, so
// that it can be judged before it becomes anything.
func (r *run) recover() (err error) {
	restored := postgres.CheckInput{Where: r.at(r.primary), Side: postgres.Restored}
	if _, err = runbook.Do(r.Run, "Verify the restored files", postgres.Ref.VerifyFiles, restored, runbook.Scan, r.on(r.primary), runbook.Required()); err != nil {
		return err
	}
	r.replayed, err = runbook.Do(r.Run, "Apply WAL up to the target", postgres.Ref.Replay,
		postgres.ReplayInput{Where: r.at(r.primary), Choice: r.choice(), Released: r.released}, runbook.Transfer, r.on(r.primary), runbook.Required())
	if err != nil {
		return err
	}
	// Replay compares too, on the host; an exit status or one side's word is not
	// enough to believe that the target was reached.
	if err := recovery.CompareReached(r.choice(), r.replayed.Reached); err != nil {
		return err
	}
	r.Happened(runbook.DataRecovered)
	return nil
}
