package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"google.golang.org/protobuf/proto"

	"refinery/client/internal/wirepb"
)

// The streaming side of ttrpc, for one call on a connection of its own: Proto/PROTOCOL.md, sections 2
// and 3. The ttrpc package streams only from release 1.2 on, without metadata or deadline, and holds all
// streams of a connection up while one is not read; this one serves with every release.

const (
	headerByteCount  = 10
	payloadByteLimit = 4 << 20

	typeRequest  = 1
	typeResponse = 2
	typeData     = 3

	flagRemoteClosed = 1
	flagNoData       = 4
)

// errNotRefinery is for a peer that sends what no Refinery server does.
var errNotRefinery = errors.New("refinery: what came back is not what a Refinery server sends: check the address")

// stream is the client's end of one server-streaming call. One goroutine receives; any may close.
type stream struct {
	conn net.Conn
	// stop ends the watch over the context.
	stop func()
	ctx  context.Context
}

// openStream connects and sends the request, with the time until the context's deadline.
func (c *Client) openStream(ctx context.Context, service, method string, request proto.Message) (*stream, error) {
	envelope, err := c.envelope(ctx, service, method, request)
	if err != nil {
		return nil, err
	}
	if len(envelope) > payloadByteLimit {
		return nil, fmt.Errorf("refinery: the request is %d bytes long; at most %d are allowed", len(envelope), payloadByteLimit)
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	// A context that ends makes whatever waits on the connection return.
	watched, stop := context.WithCancel(ctx)
	go func() {
		<-watched.Done()
		conn.Close()
	}()
	s := &stream{conn: conn, stop: stop, ctx: ctx}
	frame := make([]byte, headerByteCount, headerByteCount+len(envelope))
	binary.BigEndian.PutUint32(frame, uint32(len(envelope)))
	binary.BigEndian.PutUint32(frame[4:], 1)
	frame[8], frame[9] = typeRequest, flagRemoteClosed
	if _, err := conn.Write(append(frame, envelope...)); err != nil {
		s.close()
		return nil, s.failure(err)
	}
	return s, nil
}

// envelope is the bytes of a ttrpc.Request.
func (c *Client) envelope(ctx context.Context, service, method string, request proto.Message) ([]byte, error) {
	payload, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	envelope := &wirepb.Request{Service: service, Method: method, Payload: payload}
	if deadline, ok := ctx.Deadline(); ok {
		envelope.TimeoutNano = time.Until(deadline).Nanoseconds()
	}
	if c.options.Token != "" {
		pair := &wirepb.KeyValue{Key: "authorization", Value: "Bearer " + c.options.Token}
		envelope.Metadata = append(envelope.Metadata, pair)
	}
	return proto.Marshal(envelope)
}

// receive gives the next message's bytes; io.EOF is the good end. What ends the call is told once.
func (s *stream) receive() ([]byte, error) {
	for {
		kind, flags, payload, err := s.frame()
		switch {
		case err != nil:
			return nil, err
		case kind == typeResponse:
			response := &wirepb.Response{}
			if proto.Unmarshal(payload, response) != nil {
				return nil, errNotRefinery
			}
			if response.Status.GetCode() != 0 {
				return nil, errorOfStatus(response.Status)
			}
			return nil, io.EOF
		case kind == typeData && flags&flagRemoteClosed != 0 && len(payload) == 0:
			return nil, io.EOF
		case kind == typeData && flags&flagNoData == 0:
			return payload, nil
		}
	}
}

// frame reads the next frame of this call.
func (s *stream) frame() (kind, flags byte, payload []byte, err error) {
	for {
		var header [headerByteCount]byte
		if _, err := io.ReadFull(s.conn, header[:]); err != nil {
			return 0, 0, nil, s.failure(err)
		}
		length := binary.BigEndian.Uint32(header[:])
		if length > payloadByteLimit {
			return 0, 0, nil, errNotRefinery
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(s.conn, payload); err != nil {
			return 0, 0, nil, s.failure(err)
		}
		if binary.BigEndian.Uint32(header[4:]) == 1 {
			return header[8], header[9], payload, nil
		}
	}
}

// failure says what a failed read or write means.
func (s *stream) failure(err error) error {
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	if errors.Is(err, net.ErrClosed) {
		return context.Canceled
	}
	if err == io.EOF { // which is a call's good end, and this is none
		err = io.ErrUnexpectedEOF
	}
	return &LostError{Cause: err}
}

func (s *stream) close() { s.stop() }
