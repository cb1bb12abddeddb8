package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"refinery/client/internal/wirepb"
	pb "refinery/client/refinerypb"
)

const detailURL = "type.googleapis.com/refinery.v1.ErrorDetail"

// Error is what the server says of a call that did not succeed. Its message tells what was wrong, what
// is allowed and what to do.
type Error struct {
	// Code is the kind of error.
	Code    codes.Code
	Message string
	// Name is the contract's, such as "invalidRefinerStartStep", or empty.
	Name string
	// Fields are the request's fields at fault in the contract's words, such as "refiner.startStep".
	Fields []string
	// Retryable says whether the same request may succeed later.
	Retryable bool
	// RetryAfter is how long to wait at least before that; 0 where the server cannot tell.
	RetryAfter time.Duration
}

func (e *Error) Error() string { return fmt.Sprintf("refinery: %s: %s", e.Code, e.Message) }

// UnreachableError says that no connection came about: nothing was asked of the server.
type UnreachableError struct {
	Address string
	Cause   error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("refinery: cannot reach a server at %s: %v. Is one running there? "+
		"Start one with: refinery serve", e.Address, e.Cause)
}
func (e *UnreachableError) Unwrap() error { return e.Cause }

// LostError says that the connection ended in the middle of a call, and the call could not go on.
type LostError struct{ Cause error }

func (e *LostError) Error() string {
	return fmt.Sprintf("refinery: the connection to the server was lost: %v", e.Cause)
}
func (e *LostError) Unwrap() error { return e.Cause }

// CodeOf gives the kind of any error of this package: OK for none.
func CodeOf(err error) codes.Code {
	var refused *Error
	var lost *LostError
	var unreachable *UnreachableError
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return codes.OK
	case errors.As(err, &refused):
		return refused.Code
	case errors.As(err, &lost), errors.As(err, &unreachable):
		return codes.Unavailable
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return codes.Canceled
	}
	return codes.Unknown
}

// errorOf makes an Error of a status that ttrpc gave; others stay as they are.
func errorOf(err error) error {
	given, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	wire := &wirepb.Status{Code: int32(given.Code()), Message: given.Message()}
	for _, detail := range given.Proto().GetDetails() {
		wire.Details = append(wire.Details, &wirepb.Any{TypeUrl: detail.GetTypeUrl(), Value: detail.GetValue()})
	}
	return errorOfStatus(wire)
}

func errorOfStatus(s *wirepb.Status) *Error {
	result := &Error{Code: codes.Code(s.GetCode()), Message: s.GetMessage()}
	result.Retryable = result.Code == codes.Unavailable
	for _, detail := range s.GetDetails() {
		known := &pb.ErrorDetail{}
		if detail.GetTypeUrl() == detailURL && proto.Unmarshal(detail.GetValue(), known) == nil {
			result.take(known)
		}
	}
	return result
}

// ErrorOfJob is what a failed or cancelled job would have ended a stream with.
func ErrorOfJob(e *pb.JobError) *Error {
	result := &Error{Code: codes.Code(e.GetCode()), Message: e.GetMessage()}
	result.take(e.GetDetail())
	return result
}

func (e *Error) take(detail *pb.ErrorDetail) {
	e.Name, e.Fields, e.Retryable = detail.GetCode(), detail.GetFields(), detail.GetRetryable()
	e.RetryAfter = time.Duration(detail.GetRetryAfterMs()) * time.Millisecond
}

// isForNow says whether the server refused a call that it may take a little later.
func isForNow(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Retryable &&
		(refused.Code == codes.ResourceExhausted || refused.Code == codes.Unavailable)
}

const (
	firstDelay   = 100 * time.Millisecond
	longestDelay = 5 * time.Second
)

// patience is how long a server is tried again: one that was lost for `reconnect`, one that refuses a call
// for now for `retry`. One that was never reached is not waited for.
type patience struct {
	reconnect, retry time.Duration
	delay            time.Duration
	since            time.Time // zero while there is no trouble
	wasReached       bool
}

func newPatience(reconnect, retry time.Duration) *patience {
	return &patience{reconnect: reconnect, retry: retry, delay: firstDelay}
}

// succeeded notes that the server was heard: the next trouble is a new one.
func (p *patience) succeeded() {
	p.delay, p.since, p.wasReached = firstDelay, time.Time{}, true
}

// wait sleeps before the next try, for at least as long as the server asks. It gives back err at once when
// there is to be none. isRefusal: the call was refused; nothing had come of it.
func (p *patience) wait(ctx context.Context, err error, isRefusal bool) error {
	limit := p.limit(err, isRefusal)
	now := time.Now()
	if p.since.IsZero() {
		p.since = now
	}
	pause := p.delay/2 + time.Duration(rand.Int63n(int64(p.delay/2)))
	var refused *Error
	if errors.As(err, &refused) && refused.RetryAfter > pause {
		pause = refused.RetryAfter
	}
	if now.Add(pause).Sub(p.since) > limit {
		return err
	}
	if p.delay *= 2; p.delay > longestDelay {
		p.delay = longestDelay
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// limit is how long what err tells of is waited out, from its beginning.
func (p *patience) limit(err error, isRefusal bool) time.Duration {
	var lost *LostError
	var refused *Error
	var limit time.Duration
	isLost := errors.As(err, &lost)
	mayComeBack := !errors.As(err, &refused) || refused.Retryable
	if isLost || p.wasReached && mayComeBack && CodeOf(err) == codes.Unavailable {
		p.wasReached = true
		limit = p.reconnect
	}
	if isRefusal && p.retry > limit {
		limit = p.retry
	}
	return limit
}
