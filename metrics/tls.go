package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TLS is fed by the HTTP front end (handshakes), and by what has its certificates. Without TLS it shows nothing.
type TLS struct {
	registry   *prometheus.Registry
	handshakes *bounded
	loaded     *prometheus.CounterVec
	ordered    *prometheus.CounterVec
}

// Certificate is one that is shown to clients.
type Certificate struct {
	Name       string // a file, or a domain
	Start, End time.Time
}

// Certificates is what is shown to clients at one moment.
type Certificates struct {
	List  []Certificate
	Stale bool // the files have changed to something that cannot be used
}

func newTLS(registry *prometheus.Registry) *TLS {
	t := &TLS{
		registry: registry,
		handshakes: newBounded(registry, prometheus.CounterOpts{
			Name: "penknife_tls_handshakes_total",
			Help: "TLS handshakes that are over, by how they ended.",
		}, "result"),
		loaded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penknife_tls_certificate_loads_total",
			Help: "Times that certificate files were read, at the start, by a reload or because they had changed, by result.",
		}, []string{"result"}),
		ordered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penknife_acme_orders_total",
			Help: "Certificates that were ordered from an ACME authority, by result.",
		}, []string{"result"}),
	}
	registry.MustRegister(t.loaded, t.ordered)
	return t
}

// Handshake counts one.
func (t *TLS) Handshake(result string) { t.handshakes.inc(result) }

// CertificatesLoaded counts a reading of files.
func (t *TLS) CertificatesLoaded(ok bool) { t.loaded.WithLabelValues(resultName(ok)).Inc() }

// CertificateOrdered counts an order.
func (t *TLS) CertificateOrdered(ok bool) { t.ordered.WithLabelValues(resultName(ok)).Inc() }

func resultName(ok bool) string {
	if ok {
		return "success"
	}
	return "failure"
}

// Watch shows what take gives, which must not block, at each scrape, and the series of the counters from the beginning. Names
// may repeat: the same file in two listeners. It is called once.
func (t *TLS) Watch(take func() Certificates, handshakes []string, orders bool) {
	t.handshakes.expect(handshakes)
	for _, ok := range []bool{true, false} {
		t.loaded.WithLabelValues(resultName(ok))
		if orders {
			t.ordered.WithLabelValues(resultName(ok))
		}
	}
	t.registry.MustRegister(&certificateCollector{
		take: take,
		expiry: prometheus.NewDesc("penknife_tls_certificate_expiry_timestamp_seconds",
			"When a certificate expires that is shown to clients.", []string{"certificate"}, nil),
		start: prometheus.NewDesc("penknife_tls_certificate_start_timestamp_seconds",
			"From when on it is valid.", []string{"certificate"}, nil),
		stale: prometheus.NewDesc("penknife_tls_certificate_files_unusable",
			"1 while certificate files have changed to something that cannot be used, and those before them are shown.", nil, nil),
	})
}

// certificateCollector shows Certificates.
type certificateCollector struct {
	take                 func() Certificates
	expiry, start, stale *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *certificateCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.expiry
	to <- c.start
	to <- c.stale
}

// Collect implements prometheus.Collector.
func (c *certificateCollector) Collect(to chan<- prometheus.Metric) {
	now := c.take()
	seen := map[string]bool{}
	for _, one := range now.List {
		if seen[one.Name] {
			continue
		}
		seen[one.Name] = true
		to <- prometheus.MustNewConstMetric(c.expiry, prometheus.GaugeValue, float64(one.End.Unix()), one.Name)
		to <- prometheus.MustNewConstMetric(c.start, prometheus.GaugeValue, float64(one.Start.Unix()), one.Name)
	}
	to <- prometheus.MustNewConstMetric(c.stale, prometheus.GaugeValue, oneIf(now.Stale))
}
