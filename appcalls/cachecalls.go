package appcalls

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// States of a key in the answer to opGet.
const (
	getMissing = 0
	getFound   = 1 // and the value
	getLater   = 2 // the answer is long enough: ask for it again
)

// answerRoom is how long an answer with several values gets before the rest is left for another call.
const answerRoom = 1 << 20

const (
	noCacheText     = "the application's cache is switched off: app_cache.size is 0"
	noResponsesText = "the response cache is switched off: cache.enabled is false"
)

// handle does what the payload asks for and leaves the answer in c.answer.
func (c *channel) handle(ctx context.Context, op operation, in cursor) status {
	switch op {
	case opPurgeURL, opPurgePrefix:
		return c.purgeResponses(ctx, op, in)
	case opPurgeTags:
		return c.purgeTags(ctx, in)
	case opMirror:
		return c.mirror(in)
	}
	if do, known := metricCalls[op]; known {
		return do(c, in)
	}
	do, known := cacheCalls[op]
	if !known {
		return c.fail(statusNonsense, "penknife knows no such call")
	}
	if c.service.deps.Cache == nil {
		return c.fail(statusOff, noCacheText)
	}
	return do(c, ctx, in)
}

var cacheCalls = map[operation]func(*channel, context.Context, cursor) status{
	opGet: (*channel).get, opSet: (*channel).set, opAdd: (*channel).add, opIncr: (*channel).incr,
	opDelete: (*channel).delete, opTouch: (*channel).touch, opClear: (*channel).clear,
}

func (c *channel) nonsense() status { return c.fail(statusNonsense, "the request cannot be read") }

// failed translates what the store says.
func (c *channel) failed(err error) status {
	switch {
	case errors.Is(err, ErrTooLarge):
		return c.fail(statusTooLarge, err.Error())
	case errors.Is(err, ErrNoNumber):
		return c.fail(statusNoNumber, err.Error())
	case errors.Is(err, ErrMissing):
		return c.fail(statusMissing, err.Error())
	}
	return c.fail(statusFailed, err.Error())
}

func (c *channel) get(ctx context.Context, in cursor) status {
	keys := in.texts()
	if !in.end() {
		return c.nonsense()
	}
	for _, key := range keys {
		if len(c.answer) > answerRoom {
			c.answer = append(c.answer, getLater)
			continue
		}
		entry, found, err := c.service.deps.Cache.Get(ctx, key)
		switch {
		case err != nil:
			return c.failed(err)
		case found:
			c.answer = appendBlob(append(c.answer, getFound), entry.Value)
		default:
			c.answer = append(c.answer, getMissing)
		}
	}
	return statusOK
}

// entry reads expiry and tags, common to all entries of a request.
func (in *cursor) entry() Entry { return Entry{Expiry: in.expiry(), Tags: in.texts()} }

// tooLarge is checked before anything of a request is done.
func (c *channel) tooLarge(key string, value []byte) (status, bool) {
	if limit := c.service.limits.Value; len(value)+len(key) > limit {
		return c.fail(statusTooLarge, fmt.Sprintf("%d bytes of key and value; at most %d are kept (app_cache.max_value)",
			len(value)+len(key), limit)), true
	}
	return 0, false
}

func (c *channel) set(ctx context.Context, in cursor) status {
	common := in.entry()
	entries := make([]Entry, 0, in.count(8))
	for range cap(entries) {
		e := common
		e.Key, e.Value = in.text(), in.blob()
		if s, refused := c.tooLarge(e.Key, e.Value); refused {
			return s
		}
		entries = append(entries, e)
	}
	if !in.end() {
		return c.nonsense()
	}
	for _, e := range entries {
		if err := c.service.deps.Cache.Set(ctx, e); err != nil {
			return c.failed(err)
		}
	}
	return statusOK
}

func (c *channel) add(ctx context.Context, in cursor) status {
	e := in.entry()
	e.Key, e.Value = in.text(), in.blob()
	if !in.end() {
		return c.nonsense()
	}
	if s, refused := c.tooLarge(e.Key, e.Value); refused {
		return s
	}
	added, err := c.service.deps.Cache.Add(ctx, e)
	if err != nil {
		return c.failed(err)
	}
	c.answer = appendU8(c.answer, added)
	return statusOK
}

// incr adds to a number. With an initial value a key that is missing is made, which then begins with it.
func (c *channel) incr(ctx context.Context, in cursor) status {
	e := in.entry()
	delta, begins, initial := in.i64(), in.u8(), in.i64()
	e.Key = in.text()
	if !in.end() {
		return c.nonsense()
	}
	e.Value = fmt.Appendf(nil, "%d", initial)
	for {
		n, err := c.service.deps.Cache.Incr(ctx, e.Key, delta)
		if err == nil {
			c.answer = appendI64(c.answer, n)
			return statusOK
		}
		if begins == 0 || !errors.Is(err, ErrMissing) {
			return c.failed(err)
		}
		added, err := c.service.deps.Cache.Add(ctx, e)
		if err != nil {
			return c.failed(err)
		}
		if added {
			c.answer = appendI64(c.answer, initial)
			return statusOK
		}
		if ctx.Err() != nil { // somebody else adds and deletes it all the time
			return c.failed(ctx.Err())
		}
	}
}

func (c *channel) delete(ctx context.Context, in cursor) status {
	keys := in.texts()
	if !in.end() {
		return c.nonsense()
	}
	n := int64(0)
	for _, key := range keys {
		was, err := c.service.deps.Cache.Delete(ctx, key)
		if err != nil {
			return c.failed(err)
		}
		if was {
			n++
		}
	}
	c.answer = appendI64(c.answer, n)
	return statusOK
}

func (c *channel) touch(ctx context.Context, in cursor) status {
	expiry, key := in.expiry(), in.text()
	if !in.end() {
		return c.nonsense()
	}
	there, err := c.service.deps.Cache.Touch(ctx, key, expiry)
	if err != nil {
		return c.failed(err)
	}
	c.answer = appendU8(c.answer, there)
	return statusOK
}

func (c *channel) clear(ctx context.Context, in cursor) status {
	if !in.end() {
		return c.nonsense()
	}
	if err := c.service.deps.Cache.Clear(ctx); err != nil {
		return c.failed(err)
	}
	return statusOK
}

// purgeTags goes to both caches: whoever changed an article wants neither its parts nor its page.
func (c *channel) purgeTags(ctx context.Context, in cursor) status {
	tags := in.texts()
	if !in.end() {
		return c.nonsense()
	}
	d := c.service.deps
	if d.Cache == nil && d.Responses == nil {
		return c.fail(statusOff, noCacheText+", and "+noResponsesText)
	}
	total := 0
	for _, tag := range tags {
		for _, purge := range c.tagPurgers() {
			n, err := purge(ctx, tag)
			if err != nil {
				return c.failed(err)
			}
			total += n
		}
	}
	c.answer = appendI64(c.answer, int64(total))
	return statusOK
}

func (c *channel) tagPurgers() (list []func(context.Context, string) (int, error)) {
	if c.service.deps.Cache != nil {
		list = append(list, c.service.deps.Cache.PurgeTag)
	}
	if c.service.deps.Responses != nil {
		list = append(list, c.service.deps.Responses.PurgeTag)
	}
	return list
}

func (c *channel) purgeResponses(ctx context.Context, op operation, in cursor) status {
	what := in.text()
	if !in.end() {
		return c.nonsense()
	}
	responses := c.service.deps.Responses
	if responses == nil {
		return c.fail(statusOff, noResponsesText)
	}
	purge := responses.PurgeURL
	if op == opPurgePrefix {
		purge = responses.PurgePrefix
	}
	n, err := purge(ctx, what)
	if err != nil {
		return c.failed(err)
	}
	c.answer = binary.LittleEndian.AppendUint64(c.answer, uint64(n))
	return statusOK
}
