// A web service with Fiber.
package main

import (
	"cmp"
	"log"
	"os"

	"github.com/gofiber/fiber/v2"
)

func main() {
	app := fiber.New()
	app.Get("/", func(context *fiber.Ctx) error {
		return context.SendString("Hello from Fiber")
	})
	log.Fatal(app.Listen(":" + cmp.Or(os.Getenv("PORT"), "3000")))
}
