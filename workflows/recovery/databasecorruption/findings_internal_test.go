package databasecorruption

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/postgres"
)

// TestEveryMeasureIsNamed: who reads that it does not perform as before sees
// which measure says so.
func TestEveryMeasureIsNamed(t *testing.T) {
	t.Parallel()
	got := measures(postgres.Observation{
		Performance: postgres.Performance{Over: 3 * time.Second},
		Verdicts: []postgres.CheckResult{
			{Name: "throughput", Status: postgres.CheckFailed, Got: "9.0/s", Want: "at least 10.0/s", Detail: "the baseline is 20.0/s"},
			{Name: "latency", Status: postgres.CheckPassed, Got: "2ms", Want: "at most 10ms"},
			{Name: "replication", Status: postgres.CheckUnknown, Detail: "replication was not looked at"},
		},
	})
	require.Equal(t, "watched for 3s: throughput failed: 9.0/s, wanted at least 10.0/s (the baseline is 20.0/s); "+
		"latency passed: 2ms, wanted at most 10ms; replication unknown: none (replication was not looked at)", got)
	require.Equal(t, "nobody watched it", measures(postgres.Observation{}))
}
