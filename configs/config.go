package configs

// Config is everything that can be set. A package takes its own section by value, never the whole.
type Config struct {
	App        App        `yaml:"app"`
	HTTP       []HTTP     `yaml:"http"`
	Uwsgi      []Uwsgi    `yaml:"uwsgi"`
	ACME       ACME       `yaml:"acme"`
	Limits     Limits     `yaml:"limits"`
	Access     []Access   `yaml:"access"`
	Workers    Workers    `yaml:"workers"`
	Static     []Static   `yaml:"static"`
	Sendfile   Sendfile   `yaml:"sendfile"`
	Cache      Cache      `yaml:"cache"`
	AppCache   AppCache   `yaml:"app_cache"`
	AppMetrics AppMetrics `yaml:"app_metrics"`
	Admin      Admin      `yaml:"admin"`
	Control    Control    `yaml:"control"`
	Stats      string     `yaml:"stats"`
	Process    Process    `yaml:"process"`
	Log        Log        `yaml:"log"`
	Tracing    Tracing    `yaml:"tracing"`
	Daemons    []Daemon   `yaml:"daemons"`
	Cron       []CronJob  `yaml:"cron"`
}
