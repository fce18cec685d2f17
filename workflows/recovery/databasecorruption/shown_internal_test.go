package databasecorruption

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/approval"
)

// TestManyTablesLostCanStillBeApproved: the choice put to approvers is bounded, and
// a loss over hundreds of tables must not end the recovery at its gate.
func TestManyTablesLostCanStillBeApproved(t *testing.T) {
	t.Parallel()
	put := cutOverPut{}
	for i := range 500 {
		put.Loss.Tables = append(put.Loss.Tables, postgres.TableLoss{Table: fmt.Sprintf("%s%03d", strings.Repeat("n", 190), i), Inserted: 1 << 40})
	}
	_, err := approval.ChoiceOf(put.shown())
	require.NoError(t, err)
	require.Contains(t, put.shown().Loss.Detail, "400 more tables")
	require.Len(t, put.Loss.Tables, 500, "the report has all of them")
}
