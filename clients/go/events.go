package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "refinery/client/refinerypb"
)

// Events are a job's, or all jobs'. After a lost connection they go on where they broke off. Not for
// several goroutines at a time: to end them from elsewhere, cancel their context.
type Events struct {
	client   *Client
	ctx      context.Context
	cancel   context.CancelFunc
	stream   *stream
	patience *patience

	method  string
	request proto.Message
	// cancels: leaving the events ends the job.
	cancels bool
	// isOfAll: numbers are of many jobs, and there is no end.
	isOfAll bool
	// mayBeEmpty: the job may have ended without another event.
	mayBeEmpty bool

	jobID    string
	sequence uint64
	// hasTold: an event came of the call under way, which so was not refused.
	hasTold bool
	// loss is the last one, nil as long as the first connection lasts.
	loss error
	// end is what ended the events, io.EOF for a good end.
	end         error
	hasComplete bool
}

// Generate makes pictures and tells every step: Accepted, then Queued and Progress, HandedOff where the
// refiner takes over, and an Image for each picture; the last one has a Summary.
//
// Close, or the end of ctx, cancels the job, unless the request says Detach. ctx's deadline goes to the
// server too. A job with Detach outlives a lost connection, and any job a restart of a server that keeps
// jobs: the events then go on.
func (c *Client) Generate(ctx context.Context, request *pb.GenerateRequest) *Events {
	events := c.events(ctx, "Generate", withRequestID(request))
	events.cancels = !request.GetDetach()
	return events
}

// Watch tells a job's events: what still counts of those after afterSequence (0: of all), then what
// comes. Leaving it changes nothing for the job.
func (c *Client) Watch(ctx context.Context, jobID string, afterSequence uint64) *Events {
	events := c.events(ctx, "Watch", &pb.WatchRequest{JobId: jobID, AfterSequence: afterSequence})
	events.jobID, events.sequence, events.mayBeEmpty = jobID, afterSequence, afterSequence > 0
	if jobID == "" {
		events.end = errors.New("refinery: jobID is empty: WatchAll follows all jobs")
	}
	return events
}

// WatchAll tells the events of all jobs, without an end: how each stands, then what comes. Images come
// without their PNG, and each job's end as Ended. After a lost connection the standing is told again.
func (c *Client) WatchAll(ctx context.Context) *Events {
	events := c.events(ctx, "Watch", &pb.WatchRequest{})
	events.isOfAll = true
	return events
}

func (c *Client) events(ctx context.Context, method string, request proto.Message) *Events {
	ctx, cancel := context.WithCancel(ctx)
	return &Events{
		client: c, ctx: ctx, cancel: cancel, method: method, request: request,
		patience: newPatience(c.options.Reconnect, c.options.Retry),
	}
}

// GenerateImage makes pictures and returns the last one. onEvent, if there is one, gets every event.
func (c *Client) GenerateImage(
	ctx context.Context, request *pb.GenerateRequest, onEvent func(*pb.Event),
) (*pb.Image, error) {
	var last *pb.Image
	err := c.images(ctx, request, onEvent, func(image *pb.Image) error {
		last = image
		return nil
	})
	if err != nil {
		return nil, err
	}
	return last, nil
}

// Compare makes the same pictures with several endings, the request's Branches, and the base's steps once.
// It returns them by branch, in the request's order, then by seed; a job that somebody cuts short lacks some.
// Generate gives each picture as soon as it is finished.
func (c *Client) Compare(
	ctx context.Context, request *pb.GenerateRequest, onEvent func(*pb.Event),
) ([][]*pb.Image, error) {
	if len(request.GetBranches()) == 0 {
		return nil, errors.New("refinery: Branches is empty: give one for each ending")
	}
	pictures := make([][]*pb.Image, len(request.Branches))
	err := c.images(ctx, request, onEvent, func(image *pb.Image) error {
		if image.Branch == nil || int(*image.Branch) >= len(pictures) {
			return errNotRefinery
		}
		pictures[*image.Branch] = append(pictures[*image.Branch], image)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pictures, nil
}

// images runs a job to its end. An error of take ends it too.
func (c *Client) images(
	ctx context.Context, request *pb.GenerateRequest, onEvent func(*pb.Event), take func(*pb.Image) error,
) error {
	events := c.Generate(ctx, request)
	defer events.Close()
	for {
		event, err := events.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if onEvent != nil {
			onEvent(event)
		}
		if image := event.GetImage(); image != nil {
			if err := take(image); err != nil {
				return err
			}
		}
	}
}

// Recv gives the next event; io.EOF is the good end. An error is the end too.
func (e *Events) Recv() (*pb.Event, error) {
	for e.end == nil {
		event, err := e.next()
		switch {
		case err == nil && e.takes(event):
			return event, nil
		case err != nil:
			e.ended(err)
		}
	}
	return nil, e.end
}

func (e *Events) next() (*pb.Event, error) {
	if e.stream == nil {
		e.hasTold = false
		stream, err := e.client.openStream(e.ctx, imageService, e.nextMethod(), e.nextRequest())
		if err != nil {
			return nil, err
		}
		e.stream = stream
	}
	data, err := e.stream.receive()
	if err != nil {
		return nil, err
	}
	event := &pb.Event{}
	if err := proto.Unmarshal(data, event); err != nil {
		return nil, errNotRefinery
	}
	return event, nil
}

func (e *Events) nextMethod() string {
	if e.goesOn() {
		return "Watch"
	}
	return e.method
}

func (e *Events) nextRequest() proto.Message {
	if e.goesOn() {
		return &pb.WatchRequest{JobId: e.jobID, AfterSequence: e.sequence}
	}
	return e.request
}

// goesOn says whether the next call is to go on with a job whose connection was lost.
func (e *Events) goesOn() bool { return e.loss != nil && e.jobID != "" && !e.isOfAll }

// takes says whether an event is new and of a kind known here.
func (e *Events) takes(event *pb.Event) bool {
	if !e.isOfAll && event.Sequence <= e.sequence {
		return false
	}
	e.patience.succeeded()
	e.hasTold = true
	if e.isOfAll {
		return event.Content != nil
	}
	e.jobID, e.sequence = event.JobId, event.Sequence
	e.hasComplete = event.GetImage().GetSummary() != nil
	return event.Content != nil
}

// ended takes note of a call's end: the events' own, or one after which they go on.
func (e *Events) ended(err error) {
	if e.stream != nil {
		e.stream.close()
		e.stream = nil
	}
	switch {
	case e.hasComplete, e.mayBeEmpty && errors.Is(err, io.EOF):
		e.end = io.EOF
	case errors.Is(err, io.EOF):
		e.end = fmt.Errorf("refinery: the server ended %s without the message that completes it", e.method)
	default:
		isRefusal := !e.hasTold && isForNow(err)
		final := e.patience.wait(e.ctx, err, isRefusal)
		if code := CodeOf(err); final != nil && e.loss != nil && e.cancels &&
			(code == codes.Canceled || code == codes.NotFound) && e.ctx.Err() == nil {
			final = &LostError{Cause: fmt.Errorf("%v; the job ended with its connection (%w): "+
				"ask again, or with Detach, and it goes on without one", e.loss, err)}
		}
		if e.ctx.Err() != nil {
			e.leave()
		}
		if final == nil && (!isRefusal || e.loss != nil) {
			e.loss = err
		}
		e.end = final
	}
}

// Close ends the events; a job of Generate is cancelled.
func (e *Events) Close() {
	if e.end == nil {
		e.leave()
		e.end = context.Canceled
	}
	e.cancel()
}

// leave cancels a job whose own connection, whose end would have told the server, was lost.
func (e *Events) leave() {
	if e.goesOn() && e.cancels && !e.hasComplete {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		// The caller has left: nobody is there to hear of an error.
		_, _ = e.client.Cancel(ctx, e.jobID, pb.CancelJobRequest_DISCARD)
	}
}

// withRequestID makes up an id where there is none: what is sent again after a lost connection then
// begins no second job.
func withRequestID(request *pb.GenerateRequest) *pb.GenerateRequest {
	if request.GetRequestId() != "" {
		return request
	}
	named := proto.Clone(request).(*pb.GenerateRequest)
	named.RequestId = newRequestID()
	return named
}

// newRequestID is 128 random bits in hex; empty, for the server to make one up, without randomness.
func newRequestID() string {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return ""
	}
	return hex.EncodeToString(id)
}
