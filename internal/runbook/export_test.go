package runbook

import "fmt"

// Table prints the option table for the golden test.
func Table() []string {
	var rows []string
	row := func(name string, o options) {
		rows = append(rows, fmt.Sprintf("%-12s start-to-close=%s heartbeat=%s by-clock=%t total=%s attempts=%d backoff=%s..%s declared=%t",
			name, o.StartToClose, o.Heartbeat, o.ByClock, o.Total, o.Retry.MaximumAttempts,
			o.Retry.InitialInterval, o.Retry.MaximumInterval, o.Declared))
	}
	for _, class := range []Class{Probe, Scan, Glance, Announce, Mutate, Transfer, Irreversible} {
		o, _ := table(class)
		row(string(class), o)
	}
	row("undo", undoTable())
	return rows
}

// IsContinued tests who may set Spec.Carried.
var IsContinued = continued
