package main

import (
	"context"
	"errors"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store/open"
	"github.com/terragonlabs/holdfast/internal/store/storetest"
)

// liveStore runs the conformance suite in the store's real bucket, under
// holdfast-check/ and fresh names, which it removes again.
func liveStore(ctx context.Context, described plan.Store) (findings []liveFinding) {
	subject := "store " + described.Name
	opened, err := open.Open(ctx, binding.StoreConfig(described))
	if err != nil {
		return []liveFinding{failedBy(subject, "open", err)}
	}
	defer func() {
		if err := opened.Close(); err != nil {
			findings = append(findings, failedBy(subject, "close", err))
		}
	}()
	rival, err := open.Rival(ctx, binding.StoreConfig(described))
	if err != nil {
		return []liveFinding{failedBy(subject, "open a second client", err)}
	}
	for _, result := range storetest.Report(ctx, storetest.Target{Store: opened, Rival: rival}) {
		findings = append(findings, storeFinding(subject, result))
	}
	return findings
}

// storeFinding translates a verdict. A check that broke because the store did
// not answer proves nothing either way.
func storeFinding(subject string, result storetest.Result) liveFinding {
	finding := liveFinding{Subject: subject, Check: result.Promise, Detail: firstLine(result.Detail)}
	switch result.Verdict {
	case storetest.Shown:
		finding.Status = livePassed
	case storetest.NotShown:
		finding.Status = liveNotShown
	case storetest.Broken:
		finding.Status = liveFailed
		if failure.Is(result.Err, failure.Unavailable) || errors.Is(result.Err, context.Canceled) {
			finding.Status = liveUnknown
		}
	default:
		finding.Status = liveUnknown
	}
	return finding
}
