package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

var (
	// errBody is an order that says something where nothing is read.
	errBody = errors.New("this order has no body")
	// errScale is an order about the number of workers that does not say which.
	errScale = errors.New("say exactly one of to, by and auto")
	// errTail is an order that goes on behind its end.
	errTail = errors.New("there is more behind it")
)

// routeOrders adds the routes that change something. What is not whole, or has a word in it that nobody reads, has no
// effect: it may be half of another order, or one of a newer penknife.
func routeOrders(mux *http.ServeMux, deps Deps) {
	mux.HandleFunc("POST /reload", bare(func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, deps.Reload(r.Context()))
	}))
	mux.HandleFunc("POST /reopen-logs", bare(func(w http.ResponseWriter, r *http.Request) {
		if err := deps.ReopenLogs(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, http.StatusOK, struct{}{})
	}))
	mux.HandleFunc("POST /upgrade", bare(func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, deps.Upgrade(r.Context()))
	}))
	mux.HandleFunc("POST /stop", bare(func(w http.ResponseWriter, r *http.Request) {
		deps.Stop(r.URL.Query().Get("fast") == "true")
		answer(w, http.StatusAccepted, struct{}{})
	}, "fast"))
	mux.HandleFunc("POST /scale", func(w http.ResponseWriter, r *http.Request) {
		order, err := scaleOrderOf(w, r)
		if err != nil {
			refuse(w, err)
			return
		}
		answer(w, http.StatusOK, deps.Scale(r.Context(), order))
	})
}

// bare takes an order that has parameters at most, each of names once.
func bare(act http.HandlerFunc, names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := receive(w, r)
		if err == nil && len(body) > 0 {
			err = errBody
		}
		if err == nil {
			err = checkParameters(r, names)
		}
		if err != nil {
			refuse(w, err)
			return
		}
		act(w, r)
	}
}

func refuse(w http.ResponseWriter, err error) {
	http.Error(w, "not an order: "+err.Error(), http.StatusBadRequest)
}

// receive reads a body to its end, for headerTimeout at most. An error is a body that is cut short or too long.
func receive(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(headerTimeout)); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, orderLimit))
	return body, errors.Join(err, control.SetReadDeadline(time.Time{}))
}

// checkParameters gives an error for parameters that make no sense, that nobody knows, or that are there twice.
func checkParameters(r *http.Request, names []string) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	for name, given := range values {
		if !slices.Contains(names, name) || len(given) != 1 {
			return fmt.Errorf("the parameter %q", name)
		}
	}
	for _, name := range []string{"fast", "all"} {
		if given := values[name]; given != nil && given[0] != "true" && given[0] != "false" {
			return fmt.Errorf("%s is true or false, not %q", name, given[0])
		}
	}
	return nil
}

func scaleOrderOf(w http.ResponseWriter, r *http.Request) (ScaleOrder, error) {
	body, err := receive(w, r)
	if err == nil {
		err = checkParameters(r, nil)
	}
	if err != nil {
		return ScaleOrder{}, err
	}
	var order ScaleOrder
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&order); err != nil {
		return ScaleOrder{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return ScaleOrder{}, errTail
	}
	said := 0
	for _, is := range []bool{order.To != 0, order.By != 0, order.Auto} {
		if is {
			said++
		}
	}
	if said != 1 {
		return ScaleOrder{}, errScale
	}
	return order, nil
}
