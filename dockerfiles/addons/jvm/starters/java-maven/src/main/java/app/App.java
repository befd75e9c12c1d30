package app;

public final class App {
  private App() {}

  static String greeting(String name) {
    return "Hello, " + name + "!";
  }

  public static void main(String[] arguments) {
    System.out.println(greeting(arguments.length == 0 ? "world" : arguments[0]));
  }
}
