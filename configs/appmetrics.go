package configs

// AppMetrics bounds what the application's own code can put on /metrics.
type AppMetrics struct {
	Metrics int `yaml:"metrics"`
	Series  int `yaml:"series"` // 0 is none
}

// appMetricDocs says what reflection cannot know about the keys of this file.
var appMetricDocs = map[string]keyDoc{
	"app_metrics.metrics": {min: 1, max: 1 << 16, doc: "How many metrics `penknife.metrics` keeps. Further ones count nothing."},
	"app_metrics.series": {max: 1 << 24, doc: "How many time series they may have together, counted as Prometheus does: a histogram " +
		"has one for each bucket, and two. Further ones count nothing. Each takes 8 bytes of shared memory, and some hundred bytes " +
		"with its labels. 0 is no such metrics."},
}
