package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "refinery/client/refinerypb"
)

func small() *pb.GenerateRequest {
	return &pb.GenerateRequest{
		PositivePrompt: "a red fox", Width: proto.Uint32(64), Height: proto.Uint32(64),
		Steps: proto.Uint32(4), Seed: proto.Int64(7),
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The short calls go over the packaged github.com/containerd/ttrpc.
func TestShortCalls(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	server := startServer(t)
	client := server.client(t, Options{Token: "any"})

	_, err := dialed(t, server.socket, Options{}).Ping(ctx, nil)
	must(t, err)
	reply, err := client.Ping(ctx, []byte("hello"))
	must(t, err)
	if string(reply) != "hello" {
		t.Errorf("Ping answered %q", reply)
	}
	isServing, err := client.IsServing(ctx, "refinery.v1.ImageGeneration")
	must(t, err)
	info, err := client.Info(ctx)
	must(t, err)
	models, err := client.Models(ctx)
	must(t, err)
	if !isServing || info.Version == "" || len(models) < 2 {
		t.Errorf("serving %v, %v, %d models", isServing, info, len(models))
	}

	job, err := client.Submit(ctx, small())
	must(t, err)
	var picture *pb.Image
	events := client.Watch(ctx, job.Id, 0)
	defer events.Close()
	for {
		event, err := events.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		picture = event.GetImage()
	}
	png, err := client.ReadImage(ctx, job.Id, 0)
	must(t, err)
	if !bytes.Equal(png, picture.GetPng()) {
		t.Error("ReadImage gives other bytes than the event")
	}
	page, err := client.Jobs(ctx, &pb.ListJobsRequest{States: []pb.Job_State{pb.Job_FINISHED}})
	must(t, err)
	if len(page.Jobs) != 1 || page.Jobs[0].Id != job.Id {
		t.Errorf("the jobs are %v", page.Jobs)
	}
	stats, err := client.Stats(ctx)
	must(t, err)
	if stats.Finished != 1 {
		t.Errorf("the counts are %v", stats)
	}

	name, err := client.Upload(ctx, png)
	must(t, err)
	again := small()
	again.SeedImage, again.Strength = name, proto.Float64(0.5)
	image, err := client.GenerateImage(ctx, again, nil)
	must(t, err)
	if image.Summary.BaseSteps != 2 {
		t.Errorf("%d steps were run", image.Summary.BaseSteps)
	}

	_, err = client.Job(ctx, "no such job")
	if CodeOf(err) != codes.NotFound {
		t.Errorf("a job that is not there gives %v", err)
	}
	var refused *Error
	_, err = client.Submit(ctx, &pb.GenerateRequest{PositivePrompt: "a red fox", Steps: proto.Uint32(0)})
	if !errors.As(err, &refused) || refused.Name != "invalidSteps" || len(refused.Fields) != 1 {
		t.Errorf("a bad request gives %v", err)
	}
}

func TestAllJobsAreWatched(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	client := startServer(t).client(t, Options{})
	events := client.WatchAll(ctx)
	defer events.Close()
	job, err := client.Submit(ctx, small())
	must(t, err)
	for {
		event, err := events.Recv()
		must(t, err)
		if ended := event.GetEnded(); event.JobId == job.Id && ended != nil {
			if ended.State != pb.Job_FINISHED {
				t.Errorf("the job ended as %v", ended)
			}
			return
		}
	}
}

func TestTheShortCallsComeBackAfterARestart(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	server := startServer(t)
	client := server.client(t, Options{})
	job, err := client.Submit(ctx, small())
	must(t, err)
	server.kill()
	server.start(t)
	// The call that finds the connection broken may fail; the next has a new one.
	if _, err := client.Job(ctx, job.Id); err != nil && CodeOf(err) != codes.Unavailable {
		t.Fatal(err)
	}
	_, err = client.Job(ctx, job.Id)
	must(t, err)
}

func TestNobodyListening(t *testing.T) {
	var unreachable *UnreachableError
	if _, err := Dial("127.0.0.1:1", Options{ConnectTimeout: time.Second}); !errors.As(err, &unreachable) {
		t.Errorf("dialling nobody gives %v", err)
	}
}

func TestNoJobIDIsNoJob(t *testing.T) {
	client := &Client{}
	if _, err := client.Watch(context.Background(), "", 0).Recv(); err == nil {
		t.Error("an empty id watches something")
	}
}

func TestTheExampleOfTheGuide(t *testing.T) {
	folder := t.TempDir()
	program := filepath.Join(folder, "stream")
	build := exec.Command("go", "build", "-o", program, "./examples/stream")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	run := exec.Command(program)
	run.Dir = folder
	run.Env = append(os.Environ(), "REFINERY_SERVER="+startServer(t).address)
	said, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, line := range []string{"BASE 16 of 20", "REFINER 20 of 20"} {
		if !bytes.Contains(said, []byte(line)) {
			t.Errorf("it did not say %q but\n%s", line, said)
		}
	}
	if png, err := os.ReadFile(filepath.Join(folder, "fox.png")); err != nil || !bytes.HasPrefix(png, []byte("\x89PNG")) {
		t.Errorf("it left no picture: %v", err)
	}
}
