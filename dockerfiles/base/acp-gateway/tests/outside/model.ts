/** The stand-in for a model as a program, to run beside an OpenCode: prints OpenCode's configuration, and goes on. */
import { StandInModel } from "../stand-ins/stand-in-model.js";

const model = await StandInModel.start();
console.log(model.configuration);
