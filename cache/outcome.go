package cache

// Outcome is what the cache did with a request.
type Outcome uint8

// The outcomes.
const (
	Hit         Outcome = iota + 1 // from the cache, fresh
	HitStale                       // from the cache, stale, while it is fetched anew, or because the client permits it
	HitOnError                     // from the cache, stale, instead of an error
	Revalidated                    // from the cache, after the application confirmed it
	Collapsed                      // from the cache, after waiting for another request that fetched it
	Miss                           // from the application
	Passed                         // from the application, without waiting for others: known not to be cacheable
	Bypassed                       // from the application: not for the cache
	Unavailable                    // 504: only-if-cached, and it is not
)

var outcomes = [...]string{
	"unknown", "hit", "stale", "stale_on_error", "revalidated", "collapsed", "miss", "pass", "bypass", "only_if_cached",
}

// String gives a word that is fit for a label and for Trace.Cache.
func (o Outcome) String() string {
	if int(o) < len(outcomes) {
		return outcomes[o]
	}
	return outcomes[0]
}

// Outcomes lists the words of all outcomes by their numbers, for labels.
func Outcomes() []string { return outcomes[:] }
