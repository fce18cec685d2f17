package network_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/testsuite/chaos/network"
)

// TestEveryFaultIsFeltAndHeals: a fault that nobody feels would prove nothing.
func TestEveryFaultIsFeltAndHeals(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Host+" "+strings.Repeat("x", 64<<10))
	}))
	defer server.Close()
	n := network.New("web")
	defer n.Close()
	address, err := n.Between("web", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	way := n.Way("web")
	get := func() (status int, took time.Duration, err error) {
		client := http.Client{Timeout: 700 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
		begin := time.Now()
		answer, err := client.Get("http://" + address)
		if err != nil {
			return 0, time.Since(begin), err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode == http.StatusOK && !strings.HasPrefix(string(body), address+" ") {
			t.Errorf("the server was asked as %.40s, the client asked %s", body, address)
		}
		return answer.StatusCode, time.Since(begin), err
	}
	for _, one := range []struct {
		name string
		do   func() error
		felt func(status int, took time.Duration, err error) bool
	}{
		{"slow", func() error { return way.Slow(100*time.Millisecond, 10_000) }, func(_ int, took time.Duration, err error) bool { return err == nil && took > 150*time.Millisecond }},
		{"stall", way.Stall, func(_ int, _ time.Duration, err error) bool { return err != nil }},
		{"reset", way.Reset, func(_ int, _ time.Duration, err error) bool { return err != nil }},
		{"break", func() error { return way.Break(false, 1000) }, func(_ int, _ time.Duration, err error) bool { return err != nil }},
		{"refuse", func() error { way.Refuse(); return nil }, func(_ int, _ time.Duration, err error) bool { return err != nil }},
		{"500", func() error { return way.Answer(500, 1) }, func(status int, _ time.Duration, err error) bool { return err == nil && status == 500 }},
	} {
		t.Run(one.name, func(t *testing.T) {
			if err := one.do(); err != nil {
				t.Fatal(err)
			}
			if status, took, err := get(); !one.felt(status, took, err) {
				t.Errorf("not felt: %d after %s, %v", status, took, err)
			}
			if err := n.Heal(); err != nil {
				t.Fatal(err)
			}
			if status, took, err := get(); err != nil || status != http.StatusOK {
				t.Errorf("not healed: %d after %s, %v", status, took, err)
			}
		})
	}
}
