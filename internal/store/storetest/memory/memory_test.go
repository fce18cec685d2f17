package memory_test

import (
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/store/storetest"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
	"github.com/terragonlabs/holdfast/internal/store/storetest/suite"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	suite.Run(t, func(t *testing.T) storetest.Target {
		t.Helper()
		return storetest.Target{Store: memory.New("memory", time.Now), BigBytes: 8 << 20}
	}, "damaged", "version-pinned", "version-hidden", "locked")
}
