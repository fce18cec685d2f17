package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/report"
)

var update = flag.Bool("update", false, "rewrite testdata")

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("run with -update if this is meant: %s", diff)
	}
}

func page(t *testing.T, in report.Input) string {
	t.Helper()
	out, err := report.HTML(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestGolden(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/report.md", report.Markdown(sample()))
	golden(t, "testdata/report.html", []byte(page(t, sample())))
	text, err := report.JSON(sample())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/report.json", text)
}

// The DR plan's test documentation template, word for word and in its order.
func TestMarkdownFollowsTheTemplate(t *testing.T) {
	t.Parallel()
	got := string(report.Markdown(sample()))
	for _, heading := range []string{
		"# DR Test Report: 2026-03-01\n", "\n## Test Objective\n", "\n## Test Scenario\n", "\n## Test Results\n", "- **RTO Achieved**: ", "- **RPO Achieved**: ",
		"- **Success Criteria Met**: Yes\n", "\n## Issues Identified\n", "\n1. ", "   - Severity: Medium\n", "   - Impact: ", "   - Resolution: ",
		"\n## Lessons Learned\n", "\n## Next Steps\n",
	} {
		at := strings.Index(got, heading)
		if at < 0 {
			t.Fatalf("%q is missing or out of order", heading)
		}
		got = got[at:]
	}
}

// L29: unknown is unknown. An empty run has no good news in it.
func TestL29NothingKnownIsNotMet(t *testing.T) {
	t.Parallel()
	empty := report.Input{
		Run: report.Run{Started: epoch}, RTO: recovery.RTO(recovery.Instants{}, nil, recovery.Objective{Limit: time.Hour}),
		RPO: recovery.RPO(recovery.RPOInput{Objective: recovery.Objective{Limit: time.Hour}}),
	}
	markdown := string(report.Markdown(empty))
	if !strings.Contains(markdown, "**RTO Achieved**: unknown (objective 1 h, unknown") || !strings.Contains(markdown, "**Success Criteria Met**: Unknown") {
		t.Error(markdown)
	}
	if got := page(t, empty); strings.Contains(got, `pill good`) || strings.Contains(got, "<svg") {
		t.Error("an empty report shows a good verdict or draws something")
	}
}

func TestConclude(t *testing.T) {
	t.Parallel()
	criteria := func(verdicts ...recovery.Verdict) report.Input {
		var in report.Input
		for _, v := range verdicts {
			in.Criteria = append(in.Criteria, report.Criterion{Verdict: v})
		}
		return in
	}
	cases := []struct {
		in   report.Input
		want recovery.Verdict
	}{
		{criteria(), recovery.VerdictUnknown},
		{criteria("met", "met"), recovery.VerdictMet},
		{criteria("met", "accepted"), recovery.VerdictMet},
		{criteria("met", "unknown"), recovery.VerdictUnknown},
		{criteria("unknown", "missed", "met"), recovery.VerdictMissed},
		{criteria("met", ""), recovery.VerdictUnknown},
	}
	for _, c := range cases {
		if got := report.Conclude(c.in).CriteriaMet; got != c.want {
			t.Errorf("%v: %s, want %s", c.in.Criteria, got, c.want)
		}
	}
}

// hostile puts the text wherever a report takes text from outside.
func hostile(text string) report.Input {
	in := sample()
	encoded, _ := json.Marshal(text)
	all, _ := json.Marshal(in)
	replaced := regexp.MustCompile(`"(title|detail|evidence|note|reason|person|role|impact|resolution|severity|service|name|table|got|expected|shown|actor|source)":"[^"]*"`).
		ReplaceAllStringFunc(string(all), func(s string) string { return s[:strings.Index(s, ":")+1] + string(encoded) })
	var out report.Input
	if err := json.Unmarshal([]byte(replaced), &out); err != nil {
		panic(err)
	}
	out.Objective, out.Lessons = text, []string{text}
	return out
}

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	in := hostile("</title></style></svg><script>alert(1)</script><img src=//x onerror=y>|`[a](javascript:x)\n# h\u202e")
	tokens := html.NewTokenizer(strings.NewReader(page(t, in)))
	for tokens.Next() != html.ErrorToken {
		token := tokens.Token()
		if token.Data == "script" || token.Data == "img" || token.Data == "a" || token.Data == "link" {
			t.Fatalf("element %s in the page", token)
		}
		for _, a := range token.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" || a.Key == "style" {
				t.Fatalf("attribute %s in the page", token)
			}
		}
	}
	markdown := string(report.Markdown(in))
	if strings.Contains(markdown, "<script") && !strings.Contains(markdown, `\<script`) || strings.Contains(markdown, "\n# h") || strings.Contains(markdown, "\u202e") {
		t.Error("text has meaning in Markdown")
	}
	for _, line := range strings.Split(markdown, "\n") {
		if strings.HasPrefix(line, "| ") && !strings.HasSuffix(line, " |") {
			t.Errorf("a cell broke its table: %s", line)
		}
	}
}

// The page loads nothing, and its policy names exactly the style it carries.
func TestPageIsSelfContained(t *testing.T) {
	t.Parallel()
	got := page(t, sample())
	style := got[strings.Index(got, "<style>")+len("<style>") : strings.Index(got, "</style>")]
	sum := sha256.Sum256([]byte(style))
	policy := html.UnescapeString(regexp.MustCompile(`content="(default-src[^"]*)"`).FindStringSubmatch(got)[1])
	if !strings.Contains(policy, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Errorf("the policy does not allow the page's own style: %s", policy)
	}
	for _, outside := range []string{"http:", "https:", "@import", "<script", "url(h", "url(/"} {
		if strings.Contains(got, outside) {
			t.Errorf("the page mentions %q", outside)
		}
	}
	if _, err := html.Parse(bytes.NewReader([]byte(got))); err != nil {
		t.Error(err)
	}
}
