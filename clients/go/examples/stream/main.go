package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"google.golang.org/protobuf/proto"

	"refinery/client"
	pb "refinery/client/refinerypb"
)

func main() {
	address := os.Getenv("REFINERY_SERVER")
	if address == "" {
		address = "127.0.0.1:7420"
	}
	server, err := client.Dial(address, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	events := server.Generate(context.Background(), &pb.GenerateRequest{
		PositivePrompt: "a red fox", Steps: proto.Uint32(20), Seed: proto.Int64(7),
		Refiner: &pb.Refiner{Model: "emoji-refiner", StartStepPercentage: proto.Uint32(80)},
	})
	defer events.Close()
	for {
		event, err := events.Recv()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		if progress := event.GetProgress(); progress != nil {
			fmt.Println(progress.Phase, progress.Step, "of", progress.Steps)
		} else if image := event.GetImage(); image != nil {
			if err := os.WriteFile("fox.png", image.Png, 0o644); err != nil {
				log.Fatal(err)
			}
		}
	}
}
