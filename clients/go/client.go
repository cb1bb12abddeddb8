// Package client is the Go client of Refinery, the two-stage SDXL picture server.
//
//	server, err := client.Dial("127.0.0.1:7420", client.Options{})
//	if err != nil { … }
//	defer server.Close()
//	image, err := server.GenerateImage(ctx, &refinerypb.GenerateRequest{
//		PositivePrompt: "a red fox", Seed: proto.Int64(1),
//	}, nil)
//
// Messages are the generated ones of package refinerypb. The short calls go over
// github.com/containerd/ttrpc, on one connection; each stream of events has a connection of its own
// (stream.go), since closing it is what cancels a job.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/proto"

	"refinery/client/internal/wirepb"
	pb "refinery/client/refinerypb"
)

const (
	imageService  = "refinery.v1.ImageGeneration"
	modelService  = "refinery.v1.Models"
	serverService = "refinery.v1.Server"
	healthService = "grpc.health.v1.Health"
)

// Options of a client. The zero value is what most want.
type Options struct {
	// Token is sent with every call, if it is not empty.
	Token string
	// ConnectTimeout limits connecting; 10 seconds when 0.
	ConnectTimeout time.Duration
	// Reconnect is how long a server that was lost is tried again before a call fails: a minute when
	// 0, not at all when negative.
	Reconnect time.Duration
	// Retry is how long a call is made again that the server refuses for now: its queue is full, the
	// token's calls a minute are used up, it is stopping. In between the client waits as long as the
	// server asks (Error.RetryAfter), else longer each time. Not at all when 0.
	Retry time.Duration
}

// Client is a Refinery server as its callers see it. Goroutines may share one.
type Client struct {
	network, address string
	options          Options

	mutex    sync.Mutex
	short    *ttrpc.Client
	lost     chan struct{} // closed when the connection of `short` is
	isClosed bool
}

// Dial makes a client of the server at "HOST:PORT" or "unix:PATH", and connects to it.
func Dial(address string, options Options) (*Client, error) {
	if options.ConnectTimeout == 0 {
		options.ConnectTimeout = 10 * time.Second
	}
	if options.Reconnect == 0 {
		options.Reconnect = time.Minute
	}
	client := &Client{network: "tcp", address: address, options: options}
	if path := strings.TrimPrefix(address, "unix:"); path != address {
		client.network, client.address = "unix", path
	}
	if _, err := client.connection(context.Background()); err != nil {
		return nil, err
	}
	return client, nil
}

// Close ends the connection of the short calls. Streams end with their contexts or Close.
func (c *Client) Close() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.isClosed = true
	if c.short == nil {
		return nil
	}
	return c.short.Close()
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: c.options.ConnectTimeout}
	conn, err := dialer.DialContext(ctx, c.network, c.address)
	if err == nil || ctx.Err() != nil {
		return conn, err
	}
	return nil, &UnreachableError{Address: c.address, Cause: err}
}

// connection gives the short calls' connection, made anew after it was lost.
func (c *Client) connection(ctx context.Context) (*ttrpc.Client, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.isClosed {
		return nil, ttrpc.ErrClosed
	}
	if c.short != nil {
		select {
		case <-c.lost:
		default:
			return c.short, nil
		}
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	lost := make(chan struct{})
	c.short, c.lost = ttrpc.NewClient(conn, ttrpc.WithOnClose(func() { close(lost) })), lost
	return c.short, nil
}

// call makes a unary call. The context's deadline goes along.
func (c *Client) call(ctx context.Context, service, method string, request, reply proto.Message) error {
	return c.tryFor(ctx, newPatience(0, c.options.Retry), service, method, request, reply)
}

// callAgain makes a call that may be made twice: a lost server is tried again.
func (c *Client) callAgain(ctx context.Context, service, method string, request, reply proto.Message) error {
	return c.tryFor(ctx, newPatience(c.options.Reconnect, c.options.Retry), service, method, request, reply)
}

func (c *Client) tryFor(
	ctx context.Context, patience *patience, service, method string, request, reply proto.Message,
) error {
	for {
		err := c.try(ctx, service, method, request, reply)
		if err == nil {
			return nil
		}
		if err := patience.wait(ctx, err, isForNow(err)); err != nil {
			return err
		}
	}
}

func (c *Client) try(ctx context.Context, service, method string, request, reply proto.Message) error {
	connection, err := c.connection(ctx)
	if err != nil {
		return err
	}
	if c.options.Token != "" {
		metadata := ttrpc.MD{}
		metadata.Set("authorization", "Bearer "+c.options.Token)
		ctx = ttrpc.WithMetadata(ctx, metadata)
	}
	err = connection.Call(ctx, service, method, message{request}, message{reply})
	if errors.Is(err, ttrpc.ErrClosed) {
		return &LostError{Cause: err}
	}
	return errorOf(err)
}

// Submit hands a job in. It goes on whatever becomes of this client; Watch follows it.
func (c *Client) Submit(ctx context.Context, request *pb.GenerateRequest) (*pb.Job, error) {
	job := &pb.Job{}
	return job, c.callAgain(ctx, imageService, "Submit", withRequestID(request), job)
}

// Job tells how a job is.
func (c *Client) Job(ctx context.Context, jobID string) (*pb.Job, error) {
	job := &pb.Job{}
	return job, c.call(ctx, imageService, "GetJob", &pb.JobReference{JobId: jobID}, job)
}

// Jobs gives one page of jobs, the newest first; NextPageToken goes into the next request.
func (c *Client) Jobs(ctx context.Context, request *pb.ListJobsRequest) (*pb.ListJobsResponse, error) {
	page := &pb.ListJobsResponse{}
	return page, c.call(ctx, imageService, "ListJobs", request, page)
}

// Cancel ends a job, or brings it to an early end with a picture. One that has ended stays as it is.
func (c *Client) Cancel(ctx context.Context, jobID string, outcome pb.CancelJobRequest_Outcome) (*pb.Job, error) {
	job := &pb.Job{}
	request := &pb.CancelJobRequest{JobId: jobID, Outcome: outcome}
	return job, c.call(ctx, imageService, "CancelJob", request, job)
}

// Resume makes a job that goes on from a paused one, which stays and may be resumed again; Watch follows it.
// What the request leaves out is as in the paused job: its picture is that of such a request run from the
// start.
func (c *Client) Resume(ctx context.Context, request *pb.ResumeJobRequest) (*pb.Job, error) {
	if request.GetRequestId() == "" {
		request = proto.Clone(request).(*pb.ResumeJobRequest)
		request.RequestId = newRequestID()
	}
	job := &pb.Job{}
	return job, c.callAgain(ctx, imageService, "ResumeJob", request, job)
}

// AfterStep pauses a job after so many of the steps that it runs: 1 to all but one.
func AfterStep(step uint32) *pb.PausePoint {
	return &pb.PausePoint{Point: &pb.PausePoint_Step{Step: step}}
}

// AtHandoff pauses a job before the refiner's first step.
func AtHandoff() *pb.PausePoint {
	return &pb.PausePoint{Point: &pb.PausePoint_Handoff{Handoff: true}}
}

// Models lists the models on the server, also those that it cannot use, with the reason.
func (c *Client) Models(ctx context.Context) ([]*pb.Model, error) {
	reply := &pb.ListModelsResponse{}
	err := c.call(ctx, modelService, "ListModels", &pb.ListModelsRequest{}, reply)
	return reply.Models, err
}

// Info tells the server's build, engine and limits.
func (c *Client) Info(ctx context.Context) (*pb.ServerInfo, error) {
	info := &pb.ServerInfo{}
	return info, c.call(ctx, serverService, "GetInfo", &pb.GetInfoRequest{}, info)
}

// Stats tells the server's counts since its start.
func (c *Client) Stats(ctx context.Context) (*pb.ServerStats, error) {
	stats := &pb.ServerStats{}
	return stats, c.call(ctx, serverService, "GetStats", &pb.GetStatsRequest{}, stats)
}

// Authenticate asks whether the server takes Options.Token, and as whose: the tenant's name, empty where the
// server does not tell its callers apart. All calls bring the token without it.
func (c *Client) Authenticate(ctx context.Context) (string, error) {
	reply := &pb.AuthenticateResponse{}
	err := c.call(ctx, serverService, "Authenticate", &pb.AuthenticateRequest{Token: c.options.Token}, reply)
	return reply.Tenant, err
}

// Ping sends payload there and back.
func (c *Client) Ping(ctx context.Context, payload []byte) ([]byte, error) {
	reply := &pb.PingMessage{}
	err := c.call(ctx, serverService, "Ping", &pb.PingMessage{Payload: payload}, reply)
	return reply.Payload, err
}

// IsServing tells whether the server, or one service of it, takes requests.
func (c *Client) IsServing(ctx context.Context, service string) (bool, error) {
	reply := &wirepb.HealthCheckResponse{}
	err := c.call(ctx, healthService, "Check", &wirepb.HealthCheckRequest{Service: service}, reply)
	return reply.Status == wirepb.HealthCheckResponse_SERVING, err
}

// message lets ttrpc carry messages of google.golang.org/protobuf. Its releases up to 1.1 marshal with
// gogo/protobuf, which asks a message for these methods first; later ones see the message itself.
type message struct{ proto.Message }

func (m message) Reset()                      { proto.Reset(m.Message) }
func (m message) String() string              { return fmt.Sprint(m.Message) }
func (m message) ProtoMessage()               {}
func (m message) Marshal() ([]byte, error)    { return proto.Marshal(m.Message) }
func (m message) Unmarshal(data []byte) error { return proto.Unmarshal(data, m.Message) }
