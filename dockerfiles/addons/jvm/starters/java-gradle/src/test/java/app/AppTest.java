package app;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class AppTest {
  @Test
  public void greetsByName() {
    assertEquals("Hello, Ada!", App.greeting("Ada"));
  }
}
