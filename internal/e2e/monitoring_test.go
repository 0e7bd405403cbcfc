package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// metricName finds the names of metrics in an expression.
var metricName = regexp.MustCompile(`\b(?:penknife|process)_[a-z0-9_]+`)

// packaged reads a file below packaging.
func packaged(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "packaging", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// serveMeasured starts a penknife and lets happen what makes rare series appear.
func serveMeasured(t testing.TB) *watched {
	t.Helper()
	h := newHTTPS(t, "", "cache: {enabled: true}\n") // certificates have metrics too
	h.options.Processes = 2
	w := serveWatched(t, "deaths:application", h.options.Config, h.options)
	client := testkit.HTTPClient(w.HTTP)
	client.Get(t, "/")
	expectStatus(t, client.Do(t, testkit.Call{Target: "/systemexit"}), 500)
	expectStatus(t, client.Do(t, testkit.Call{Proto: "HTTP/4.7"}), 505)
	testkit.Eventually(t, 10*time.Second, func() error {
		if !strings.Contains(w.scrape(t), "\npenknife_worker_resident_memory_bytes{") {
			return errNotYet
		}
		return nil
	})
	return w
}

// checkNames fails for each metric of an expression that a real scrape does not have.
func checkNames(t *testing.T, scrape, expression string) {
	t.Helper()
	for _, name := range metricName.FindAllString(expression, -1) {
		if !strings.Contains(scrape, "\n"+name+"{") && !strings.Contains(scrape, "\n"+name+" ") {
			t.Errorf("%s is not in a real scrape, but in %s", name, expression)
		}
	}
}

// dashboardExpressions lists every query of the dashboard, with its variables filled in.
func dashboardExpressions(t *testing.T) []string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Annotations struct{ List []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(packaged(t, "grafana/penknife.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$__rate_interval", "1m", "$job", ".*", "$instance", ".*")
	var all []string
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all = append(all, fill.Replace(target.Expr))
		}
	}
	for _, one := range dashboard.Annotations.List {
		all = append(all, fill.Replace(one.Expr))
	}
	if len(all) < 40 {
		t.Fatalf("only %d expressions were found", len(all))
	}
	return all
}

// TestAlertRules: Prometheus' own tool accepts the rules and finds that each fires when it should and not before; every
// metric in them is one of a real scrape; each alert has a test and a section in the docs.
func TestAlertRules(t *testing.T) {
	folder := filepath.Join(testkit.Root(t), "packaging", "prometheus")
	promtool(t, "", "check", "rules", filepath.Join(folder, "rules.yml"))
	promtool(t, "", "test", "rules", filepath.Join(folder, "rules.test.yml"))
	promtool(t, "", "test", "rules", filepath.Join(folder, "recorded.test.yml"))
	rules, tests := packaged(t, "prometheus/rules.yml"), packaged(t, "prometheus/rules.test.yml")
	docs := testkit.ReadFile(t, filepath.Join(testkit.Root(t), "docs", "alerts.md"))
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1)
	if len(alerts) < 15 {
		t.Errorf("only %d alerts were found", len(alerts))
	}
	for _, alert := range alerts {
		name := alert[1]
		if !regexp.MustCompile(`alertname: ` + name + `\n\s+exp_alerts:\n`).MatchString(tests) {
			t.Errorf("no test lets %s fire", name)
		}
		if !strings.Contains(docs, "\n## "+name+"\n") {
			t.Errorf("docs/alerts.md has no section %s", name)
		}
		if !strings.Contains(rules, `runbook: "docs/alerts.md#`+strings.ToLower(name)+`: `) {
			t.Errorf("%s does not say where its runbook is", name)
		}
	}
	scrape := serveMeasured(t).scrape(t)
	for _, line := range regexp.MustCompile(`(?m)^\s*#.*$`).Split(rules+tests, -1) {
		checkNames(t, scrape, line)
	}
}

// TestDashboardAndRules_InARealPrometheus: Debian's Prometheus scrapes penknife, evaluates the rules without an error, and
// answers every query of the dashboard; what the queries ask for is there.
func TestDashboardAndRules_InARealPrometheus(t *testing.T) {
	w := serveMeasured(t)
	scrape := w.scrape(t)
	p := startPrometheus(t, w.admin)
	testkit.Eventually(t, 30*time.Second, func() error {
		if values := p.query(t, `count_over_time(penknife_ready{job="penknife"}[1m]) >= 3`); len(values) != 1 {
			return fmt.Errorf("%d series", len(values))
		}
		return nil
	})
	if values := p.query(t, "penknife_ready"); len(values) != 1 || values[0] != "1" {
		t.Errorf("penknife_ready is %v", values)
	}
	if values := p.query(t, "sum(penknife_worker_threads)"); len(values) != 1 || values[0] != "2" {
		t.Errorf("threads are %v", values)
	}
	for _, expression := range dashboardExpressions(t) {
		checkNames(t, scrape, expression)
		p.query(t, expression)
	}
	p.checkRules(t)
}

// prometheus is a real one.
type prometheus struct{ address string }

// startPrometheus lets a real Prometheus scrape an address each second, with our rules loaded.
func startPrometheus(t *testing.T, scraped string) *prometheus {
	t.Helper()
	dir := testkit.Dir(t)
	p := &prometheus{address: testkit.FreeAddress(t)}
	config := testkit.Write(t, dir, "prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: penknife
    static_configs: [{targets: [%q]}]
`, filepath.Join(testkit.Root(t), "packaging", "prometheus", "rules.yml"), scraped))
	process := testkit.Start(t, dir, nil, testkit.Command(t, "prometheus"), "--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.address, "--log.level=warn")
	process.AwaitAccept(t, p.address)
	testkit.Eventually(t, 20*time.Second, func() error {
		answer, err := testkit.HTTPClient(p.address).Try(testkit.Call{Target: "/-/ready"})
		if err == nil && answer.Status != http.StatusOK {
			err = fmt.Errorf("ready: %d", answer.Status)
		}
		return err
	})
	return p
}

// get asks the HTTP API and decodes its data.
func (p *prometheus) get(t *testing.T, path string, data any) {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + p.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if answer.Status != "success" {
		t.Errorf("%s: %s", path, answer.Error)
		return
	}
	if err := json.Unmarshal(answer.Data, data); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// query gives the values of an expression.
func (p *prometheus) query(t *testing.T, expression string) []string {
	t.Helper()
	var data struct {
		Result []struct{ Value [2]any }
	}
	p.get(t, "/api/v1/query?query="+url.QueryEscape(expression), &data)
	var values []string
	for _, one := range data.Result {
		values = append(values, fmt.Sprint(one.Value[1]))
	}
	return values
}

// checkRules fails for each rule that does not evaluate, and when there are none.
func (p *prometheus) checkRules(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, 20*time.Second, func() error {
		var data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError, State string }
			}
		}
		p.get(t, "/api/v1/rules", &data)
		if len(data.Groups) != 1 || len(data.Groups[0].Rules) < 15 {
			return fmt.Errorf("rules: %+v", data.Groups)
		}
		for _, rule := range data.Groups[0].Rules {
			if rule.Health != "ok" || rule.State == "firing" {
				return fmt.Errorf("%+v", rule)
			}
		}
		return nil
	})
}
