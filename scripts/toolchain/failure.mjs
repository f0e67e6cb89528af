/** What ends the command with a message, and the exit code that the contract gives it. */
export class Failure extends Error {
  /**
   * @param {string} message `subject: fact`
   * @param {2 | 4 | 70} code wrong usage or input, no permission, a defect of ours
   */
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}
