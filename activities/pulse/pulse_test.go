package pulse_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"github.com/terragonlabs/holdfast/activities/pulse"
)

// TestBeatsAtOnce: the server hears of a worker before the first interval ends.
func TestBeatsAtOnce(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	beaten := make(chan struct{}, 10)
	env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) { beaten <- struct{}{} })
	work := func(ctx context.Context) error {
		p := pulse.Start(ctx)
		p.Report("half")
		<-beaten
		p.Stop()
		p.Stop() // twice is harmless
		return nil
	}
	env.RegisterActivity(work)
	_, err := env.ExecuteActivity(work)
	require.NoError(t, err)
}

func TestOutsideAnActivityNothingBeats(t *testing.T) {
	t.Parallel()
	p := pulse.Start(t.Context())
	p.Report("half")
	p.Stop()
	p.Stop()
}
