package main

import (
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/inspect"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest"
)

func TestPlanCheckLive(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.flush(t)
	code, out, complaints := starter(t, "plan", "check", h.planFile, "--live", "-o", "json")
	if code != failure.CheckFailed.ExitCode() || !strings.Contains(complaints, "yard-1") {
		t.Fatalf("ended with %d: the replica cannot be reached, and unknown is not passed\n%s", code, complaints)
	}
	subjects := map[string]int{}
	for _, finding := range decode[checked](t, out).Live {
		subjects[finding.Subject]++
		switch {
		case finding.Subject == "database bookings on yard-1":
			if finding.Status != liveUnknown {
				t.Errorf("%+v", finding)
			}
		case finding.Status != livePassed && finding.Status != liveNotShown:
			t.Errorf("%+v", finding)
		}
	}
	for _, subject := range []string{"plan", "recipients", "hosts", "person officer-a", "store cellar", "store annex", "database bookings on quay-1", "mail server"} {
		if subjects[subject] == 0 {
			t.Errorf("nothing was looked at of %s: %v", subject, subjects)
		}
	}
	for _, one := range h.open(t) {
		for object, err := range one.List(t.Context(), "holdfast-check", store.ListOptions{Versions: true}) {
			t.Errorf("left behind in %s: %+v %v", one.Name(), object, err)
		}
	}
}

// TestPlanCheckLiveSaysWhoElseMayWrite, before a recovery's fence fails for it, and
// is content once the plan lets the role.
func TestPlanCheckLiveSaysWhoElseMayWrite(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE ROLE clerk LOGIN", "CREATE ROLE reader LOGIN", "CREATE ROLE auditor LOGIN PASSWORD 'pw'", "CREATE ROLE app LOGIN", "CREATE DATABASE shop OWNER app")
	server.ExecIn(t, "shop", "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "CREATE TABLE orders (id int)", "GRANT INSERT ON orders TO clerk, app",
		"GRANT UPDATE ON orders TO auditor", "GRANT SELECT ON orders TO reader")
	server.ConnectTo(t, server.TCP("auditor", "pw").In("shop"))
	database := plan.Database{Name: "tills", DBName: "shop", Superuser: "postgres", Roles: []plan.DatabaseRole{{Name: "app"}}}
	host := plan.DatabaseHost{Host: "quay-1", Role: plan.DatabasePrimary, Port: server.Port, SocketDir: server.SocketDir}
	look := func() liveFinding {
		for _, finding := range liveServer(t.Context(), database, host) {
			if finding.Check == "nobody but the plan's roles may write" {
				return finding
			}
		}
		t.Fatal("it was not looked at who may write")
		return liveFinding{}
	}
	found := look()
	if found.Status != liveFailed || !strings.Contains(found.next(), "databases[].unfenced_roles of tills") {
		t.Fatalf("%+v", found)
	}
	for _, want := range []string{"clerk (0 sessions): it may write to public.orders", "auditor (1 sessions): it may write to public.orders"} {
		if !strings.Contains(found.Detail, want) {
			t.Errorf("%q is not said: %s", want, found.Detail)
		}
	}
	for _, other := range []string{"reader", "app (", "postgres ("} {
		if strings.Contains(found.Detail, other) {
			t.Errorf("%s is named, who is fenced or may not write: %s", other, found.Detail)
		}
	}
	database.UnfencedRoles = []string{"clerk"}
	if found := look(); found.Status != liveFailed || strings.Contains(found.Detail, "clerk") {
		t.Errorf("%+v", found)
	}
	database.UnfencedRoles = []string{"clerk", "auditor"}
	if found := look(); found.Status != livePassed {
		t.Errorf("%+v", found)
	}
	database.DBName = "gone"
	if found := writersFinding(t.Context(), "d", database, server.Super()); found.Status == livePassed {
		t.Errorf("%+v", found)
	}
}

func TestWhatDoesNotAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	silent := failure.New(failure.Unavailable, "no answer")
	for name, test := range map[string]struct {
		got  liveFinding
		want liveStatus
	}{
		"store silent":      {storeFinding("s", storetest.Result{Verdict: storetest.Broken, Err: silent}), liveUnknown},
		"store broken":      {storeFinding("s", storetest.Result{Verdict: storetest.Broken, Err: failure.New(failure.Corrupt, "x")}), liveFailed},
		"store cannot":      {storeFinding("s", storetest.Result{Verdict: storetest.NotShown}), liveNotShown},
		"store says what?":  {storeFinding("s", storetest.Result{}), liveUnknown},
		"mail silent":       {judged("m", "answers", silent), liveUnknown},
		"mail refuses":      {judged("m", "answers", failure.New(failure.Forbidden, "x")), liveFailed},
		"setting not said":  {settingFinding("d", inspect.Report{}, "fsync", ""), liveUnknown},
		"setting wrong":     {settingFinding("d", inspect.Report{Settings: []inspect.Setting{{Name: "fsync", Value: "off"}}}, "fsync", ""), liveFailed},
		"nothing archived":  {archiverFinding("d", inspect.Report{}, time.Now()), liveUnknown},
		"archiver not said": {archiverFinding("d", inspect.Report{UnknownFields: []inspect.Unanswered{{Question: "archiver"}}}, time.Now()), liveUnknown},
	} {
		if test.got.Status != test.want {
			t.Errorf("%s: %+v, want %s", name, test.got, test.want)
		}
	}
}
