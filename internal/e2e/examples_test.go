package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestExamples starts what the examples folder shows.
func TestExamples(t *testing.T) {
	for folder, app := range map[string]string{"demo": "demo:application", "flask": "app", "django": "minimal:application"} {
		t.Run(folder, func(t *testing.T) {
			s := serve(t, app, testkit.Options{
				Chdir: filepath.Join(testkit.Root(t), "examples", folder), Python: testkit.Virtualenv(t), Processes: 2})
			for _, c := range s.Fronts() {
				answer := c.Do(t, testkit.Call{Headers: []string{"Host: localhost"}})
				if answer.Status != 200 || !strings.Contains(string(answer.Body), "process") {
					t.Errorf("%s: %d %s", c.Name, answer.Status, clip(answer.Body))
				}
			}
		})
	}
}

// TestExampleConfigs checks the configuration files of the examples folder with the programs that read them.
func TestExampleConfigs(t *testing.T) {
	root := testkit.Root(t)
	check := testkit.Start(t, root, nil, testkit.Binary(t), "check", "--config", "examples/penknife.yaml",
		"--python", testkit.Virtualenv(t))
	if code := check.Wait(t, 10*time.Second); code != 0 {
		t.Errorf("penknife check: %d\n%s", code, check.Output())
	}
	// The paths in nginx.conf are below run/ of the folder that nginx is started for.
	dir := testkit.Dir(t)
	testkit.Write(t, dir, "run/keep", "")
	nginx := testkit.Start(t, dir, nil, testkit.Command(t, "nginx"), "-t", "-p", dir, "-c", filepath.Join(root, "examples/nginx/nginx.conf"))
	if code := nginx.Wait(t, 10*time.Second); code != 0 {
		t.Errorf("nginx -t: %d\n%s", code, nginx.Output())
	}
}
